import { type TaskErrorCode, TaskExecutionError } from '../errors.js';
import type { HeadersLike, TaskClientOptions } from './client.js';
import { bodyOf, headersOf, isAddress, refused } from './given.js';

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

async function sendOnce(options: TaskClientOptions, ask: Ask): Promise<Response> {
  const { url, headers: own, fetch: fetchOf = globalThis.fetch } = options;
  const { method = 'GET', path, body, signal, headers } = ask;
  const address = url.replace(/\/+$/, '') + path;
  const json = body === undefined ? undefined : bodyOf(body);
  const given = await givenBy(own, signal);
  const sent = {
    accept: 'application/json',
    ...headersOf('headers', given),
    ...headersOf(Object.keys(headers ?? {}).join(', '), headers),
    ...(json !== undefined && { 'content-type': 'application/json' }),
  };
  let response: Response;
  try {
    const asked = {
      method,
      headers: sent,
      ...(json !== undefined && { body: json }),
      ...(signal && { signal }),
    };
    // The app's own may wait for something before it hands the signal on.
    response = await unlessAborted(fetchOf(address, asked), signal);
  } catch (cause) {
    if (options.fetch === undefined && !isAddress(address)) {
      throw refused('url', `url leads nowhere: '${url}'. Outside of a page it must be a whole one`, cause);
    }
    throw new TaskExecutionError('STORE_UNAVAILABLE', 'The server cannot be reached.', { cause });
  }
  if (response.ok) return response;
  throw await errorOf(response);
}

/** Fresh ones may come from a server that cannot be reached either, or that never answers. */
async function givenBy(
  given: TaskClientOptions['headers'],
  signal: AbortSignal | undefined,
): Promise<HeadersLike | undefined> {
  if (typeof given !== 'function') return given;
  try {
    return await unlessAborted(given(), signal);
  } catch (cause) {
    if (TaskExecutionError.is(cause)) throw cause;
    const what = signal?.aborted ? 'did not settle in time' : 'failed';
    throw new TaskExecutionError('STORE_UNAVAILABLE', `headers() ${what}.`, { cause });
  }
}

/** What is waited for, until the signal is aborted: what the app does before a request hears no signal. */
function unlessAborted<T>(waited: T | PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal?.reason);
    signal?.addEventListener('abort', aborted, { once: true });
    if (signal?.aborted) aborted();
    const settled = () => signal?.removeEventListener('abort', aborted);
    Promise.resolve(waited).then(resolve, reject).then(settled);
  });
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
