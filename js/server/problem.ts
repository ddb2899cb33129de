import { type TaskErrorCode, TaskExecutionError } from '../errors.js';

/** What is wrong with a request itself, beside the codes of the engine. */
export type RequestErrorCode =
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'CONFLICT'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'TOO_MANY_REQUESTS'
  | 'INTERNAL';

/** An error as `application/problem+json` (RFC 9457) says it. */
export interface ProblemJson {
  /** As RFC 9457 says it where `title` and `status` tell all. */
  type: 'about:blank';
  /** The status in words. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** What went wrong, for programs. */
  code: TaskErrorCode | RequestErrorCode;
  /** For people, the same as `detail`: clients of older routes read this field. */
  error: string;
  /** What went wrong, for people. */
  detail: string;
  /** The same request, sent again later, may well succeed. */
  retryable: boolean;
}

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

/** A request that is refused: thrown by handlers, answered as a problem. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: TaskErrorCode | RequestErrorCode;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    code: TaskErrorCode | RequestErrorCode,
    detail: string,
    headers: Record<string, string> = {},
  ) {
    super(detail);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** The same for tasks that do not exist, are others', or are kept from the user. */
export function noSuchTask(): Refusal {
  return new Refusal(404, 'TASK_NOT_FOUND', 'Task not found.');
}

/** The answer to a request that is refused. */
export function problem({ status, code, message, headers }: Refusal): Response {
  const retryable = status === 429 || status === 503 || 'retry-after' in headers;
  const body: ProblemJson = {
    type: 'about:blank',
    title: titles[status] ?? 'Error',
    status,
    code,
    error: message,
    detail: message,
    retryable,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  });
}

/** Status of a code, and what people are told where the error's own message is for developers. */
const answers: Partial<Record<TaskErrorCode, [status: number, text?: string]>> = {
  INVALID_ARGUMENT: [400],
  INVALID_TRANSITION: [409],
  ALREADY_DECIDED: [409],
  TOO_LARGE: [413],
  LEASE_HELD: [409, 'The task is at work elsewhere. Try again shortly.'],
  CRASH_LOOP: [409, 'The task has failed too often in the same place.'],
  STALE_HISTORY: [409, 'The task was made again under the same id.'],
  STORE_UNAVAILABLE: [503, 'The tasks cannot be reached at the moment. Try again shortly.'],
  MODEL_THROTTLED: [503, 'The model is busy. Try again later.'],
  MODEL_UNAVAILABLE: [503, 'The model cannot be reached at the moment. Try again later.'],
  MODEL_TIMEOUT: [503, 'The model did not answer in time. Try again later.'],
  CONTEXT_OVERFLOW: [500, 'The conversation has become too long for the model.'],
};

const unknown = 'Something went wrong on the server.';

/** What people are told of an error of the engine: its message only where that is meant for callers. */
export function publicText({ code, message }: Pick<TaskExecutionError, 'code' | 'message'>): string {
  if (code === 'TASK_NOT_FOUND') return noSuchTask().message;
  const [, text] = answers[code] ?? [500, unknown];
  return text ?? message;
}

/** Whatever was thrown, as a refusal; `unexpected` where developers should hear of it. */
export function refusalOf(thrown: unknown): { refusal: Refusal; unexpected: boolean } {
  if (thrown instanceof Refusal) return { refusal: thrown, unexpected: false };
  if (!TaskExecutionError.is(thrown)) {
    return { refusal: new Refusal(500, 'INTERNAL', unknown), unexpected: true };
  }
  if (thrown.code === 'TASK_NOT_FOUND') return { refusal: noSuchTask(), unexpected: false };
  const [status] = answers[thrown.code] ?? [500];
  const headers: Record<string, string> = thrown.retryable ? { 'retry-after': '2' } : {};
  const refusal = new Refusal(status, thrown.code, publicText(thrown), headers);
  return { refusal, unexpected: status >= 500 };
}
