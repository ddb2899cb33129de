import { type TaskErrorCode, TaskExecutionError } from '../errors.js';
import { longestTimerMs } from '../longest-timer.js';
import { describeThrown, toJson, utf8Length } from '../values.js';
import { isPrivate } from './addresses.js';
import type { RestateRunnerOptions } from './runner.js';

/** What Restate's ingress takes, unless it is configured otherwise (`message-size-limit`). */
const mostBytes = 32 * 1024 * 1024;

/** Restate's ingress, as whoever gives commands reaches it. */
export class Ingress {
  readonly #url: string;
  readonly #headers: RestateRunnerOptions['headers'];
  readonly #timeoutMs: number;

  /** @throws TaskExecutionError INVALID_ARGUMENT */
  constructor({ ingress, publicIngress, headers, timeoutMs = 60_000 }: RestateRunnerOptions) {
    this.#url = checkedUrl(ingress, publicIngress === true);
    if (!(typeof timeoutMs === 'number' && timeoutMs >= 1)) {
      throw refused('timeoutMs', 'must be a number of milliseconds from 1 on, or Infinity');
    }
    this.#timeoutMs = Math.min(Math.ceil(timeoutMs), longestTimerMs);
    this.#headers = headers;
    if (typeof headers !== 'function') headersOf(headers);
  }

  /**
   * What a handler of a virtual object returns.
   *
   * @throws TaskExecutionError as the handler has ended with; STORE_UNAVAILABLE where nobody answers
   */
  async call(service: string, key: string, handler: string, body?: unknown): Promise<unknown> {
    const url = `${this.#url}/${service}/${encodeURIComponent(key)}/${handler}`;
    const json = body === undefined ? undefined : jsonOf(body);
    const headers = await this.#given();
    if (json !== undefined) headers.set('content-type', 'application/json');
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method: 'POST',
        headers,
        ...(json !== undefined && { body: json }),
        redirect: 'error',
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      text = await response.text();
    } catch (cause) {
      const why = describeThrown(cause).message;
      throw new TaskExecutionError(
        'STORE_UNAVAILABLE',
        `Restate's ingress does not answer: ${why}. Try again.`,
        { cause },
      );
    }
    if (!response.ok) throw errorOf(response.status, text, service);
    return text === '' ? undefined : parsed(text);
  }

  async #given(): Promise<Headers> {
    if (typeof this.#headers !== 'function') return headersOf(this.#headers);
    let given: Record<string, string>;
    try {
      given = await this.#headers();
    } catch (cause) {
      const why = describeThrown(cause).message;
      throw new TaskExecutionError('HOST_CALLBACK', `headers() of restateRunner failed: ${why}.`, { cause });
    }
    return headersOf(given);
  }
}

function checkedUrl(ingress: string, isPublic: boolean): string {
  const url = URL.canParse(ingress) ? new URL(ingress) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw refused('ingress', `must be a URL of http or https; it is '${ingress}'`);
  }
  if (url.username !== '' || url.password !== '') {
    throw refused('ingress', 'must not have a name and a password in it: send them with headers');
  }
  if (url.search !== '' || url.hash !== '') {
    throw refused('ingress', `must end with its path: '${url.search}${url.hash}' is too much`);
  }
  if (!isPublic && !isPrivate(url.hostname)) {
    throw refused(
      'ingress',
      `${url.host} may be reached by anybody, and whoever reaches it commands every task. Give it a private name, or say ` +
        'publicIngress: true where a gateway lets nobody else in, with its headers',
    );
  }
  return url.href.replace(/\/+$/, '');
}

function headersOf(given: Record<string, string> | undefined): Headers {
  try {
    return new Headers(given);
  } catch (cause) {
    throw refused('headers', `cannot be sent: ${describeThrown(cause).message}`);
  }
}

function jsonOf(body: unknown): string {
  const written = toJson(body);
  if (!written.ok || written.json === undefined) {
    const why = written.ok ? 'there is nothing to send' : written.reason;
    throw new TaskExecutionError('INVALID_ARGUMENT', `This cannot be sent to Restate: ${why}.`);
  }
  const bytes = utf8Length(written.json);
  if (bytes > mostBytes) {
    throw new TaskExecutionError(
      'TOO_LARGE',
      `${bytes} bytes are too much for one command: Restate takes ${mostBytes}.`,
    );
  }
  return written.json;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TaskExecutionError(
      'STORE_UNAVAILABLE',
      `What answers at the ingress is not Restate: '${text.slice(0, 100)}'. Look at its address, and at what lies between.`,
      { cause, retryable: false },
    );
  }
}

/** What a handler has ended with, as the error that it was. */
function errorOf(status: number, text: string, service: string): TaskExecutionError {
  let said: { message?: unknown; metadata?: { code?: unknown } } | null = {};
  try {
    said = JSON.parse(text);
  } catch {
    // A gateway's own answer.
  }
  const code = said?.metadata?.code;
  let message = typeof said?.message === 'string' ? said.message : `Restate answered ${status}.`;
  if (typeof code === 'string')
    return new TaskExecutionError(code as TaskErrorCode, message, { details: { status } });
  // Not a handler's answer: tasks that are not there have a code.
  if (status === 404)
    message += ` Register a worker that serves '${service}', and look at the ingress's address.`;
  return new TaskExecutionError(codeOf(status), message, { details: { status } });
}

function codeOf(status: number): TaskErrorCode {
  if (status === 404) return 'NOT_CONFIGURED';
  if (status === 401 || status === 403) return 'STORE_DENIED';
  if (status === 413) return 'TOO_LARGE';
  return status >= 500 || status === 408 || status === 429 ? 'STORE_UNAVAILABLE' : 'INVALID_ARGUMENT';
}

function refused(argument: string, what: string): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `restateRunner: ${argument} ${what}.`, {
    details: { argument },
  });
}
