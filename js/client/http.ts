import { type TaskErrorCode, TaskExecutionError } from '../errors.js';
import type { HeadersLike, TaskClientOptions } from './client.js';

/** What a request is made of. */
export interface Ask {
  method?: string;
  /** Behind the URL of the routes. */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** The same request twice does what it does once: it is tried again where the network or the server fails. */
  repeatable?: boolean;
}

const attempts = 3;

/** Sends a request. @throws TaskExecutionError where the answer is an error, or there is none */
export async function send(options: TaskClientOptions, ask: Ask): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendOnce(options, ask);
    } catch (thrown) {
      const again = ask.repeatable && TaskExecutionError.is(thrown) && thrown.retryable && attempt < attempts;
      if (!again || ask.signal?.aborted) throw thrown;
      const wanted = Number(thrown.details.retryAfterMs ?? 0);
      await pause(Math.max(wanted, backOff(options, attempt)), ask.signal);
    }
  }
}

async function sendOnce(options: TaskClientOptions, { method = 'GET', path, body, signal, headers }: Ask) {
  const { url, headers: own, fetch: fetchOf = globalThis.fetch } = options;
  const given = await headersOf(own);
  let response: Response;
  try {
    response = await fetchOf(url.replace(/\/+$/, '') + path, {
      method,
      headers: {
        accept: 'application/json',
        ...Object.fromEntries(new Headers(given)),
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  } catch (cause) {
    throw new TaskExecutionError('STORE_UNAVAILABLE', 'The server cannot be reached.', { cause });
  }
  if (response.ok) return response;
  throw await errorOf(response);
}

/** Fresh ones may come from a server that cannot be reached either. */
async function headersOf(given: TaskClientOptions['headers']): Promise<HeadersLike | undefined> {
  try {
    return typeof given === 'function' ? await given() : given;
  } catch (cause) {
    if (TaskExecutionError.is(cause)) throw cause;
    throw new TaskExecutionError('STORE_UNAVAILABLE', 'headers() failed.', { cause });
  }
}

/** The JSON of an answer. @throws TaskExecutionError where it is none */
export async function jsonOf<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (cause) {
    throw new TaskExecutionError('STORE_UNAVAILABLE', 'The answer of the server could not be read.', {
      cause,
    });
  }
}

/** Codes for answers that say none of the engine's, by status. */
const codes: Record<number, TaskErrorCode> = {
  401: 'STORE_DENIED',
  403: 'STORE_DENIED',
  404: 'TASK_NOT_FOUND',
  409: 'INVALID_TRANSITION',
  413: 'TOO_LARGE',
};

const ofTheRequest =
  /^(UNAUTHORIZED|FORBIDDEN|NOT_FOUND|METHOD_NOT_ALLOWED|IDEMPOTENCY_KEY_REUSED|CONFLICT|UNSUPPORTED_MEDIA_TYPE|TOO_MANY_REQUESTS|INTERNAL)$/;

async function errorOf(response: Response): Promise<TaskExecutionError> {
  const { status, headers } = response;
  let said: { code?: unknown; detail?: unknown; error?: unknown; message?: unknown } = {};
  try {
    said = Object((await response.json()) ?? {});
  } catch {
    // A proxy's page: the status has to do.
  }
  const fallback =
    codes[status] ??
    (status < 500 && status !== 429 && status !== 408 ? 'INVALID_ARGUMENT' : 'STORE_UNAVAILABLE');
  const isOurs =
    typeof said.code === 'string' && /^[A-Z_]+$/.test(said.code) && !ofTheRequest.test(said.code);
  const text = [said.detail, said.error, said.message].find(
    (part) => typeof part === 'string' && part !== '',
  );
  const seconds = Number(headers.get('retry-after'));
  return new TaskExecutionError(
    isOurs ? (said.code as TaskErrorCode) : fallback,
    (text as string | undefined) ?? `The server answered ${status}.`,
    {
      retryable: status >= 500 || status === 429 || status === 408 || seconds > 0,
      details: {
        status,
        ...(typeof said.code === 'string' && { code: said.code }),
        ...(seconds > 0 && { retryAfterMs: Math.min(seconds, 120) * 1_000 }),
      },
    },
  );
}

/** Half to all of a time that doubles with every attempt, so that those who were cut off together come back apart. */
export function backOff({ retryMs = 1_000 }: TaskClientOptions, attempt: number): number {
  return Math.min(retryMs * 2 ** (attempt - 1), 30_000) * (0.5 + Math.random() / 2);
}

/** So many milliseconds, or until the signal is aborted. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
    if (signal?.aborted) done();
  });
}
