/** What can be wrong. */
export type TaskErrorCode =
  /** There is no such task. Mind the order of the arguments: taskId, userId. */
  | 'TASK_NOT_FOUND'
  /** An argument or an option cannot be used; the message says which and why. */
  | 'INVALID_ARGUMENT'
  /** The stored task document cannot be read; the message names the path. */
  | 'INVALID_TASK'
  /** The command does not apply in this state; the message says what to call instead. */
  | 'INVALID_TRANSITION'
  /** Somebody else has decided this call, or it waits no more. */
  | 'ALREADY_DECIDED'
  /** Another process runs the task; `details` have the owner, its process where the store knows it, and the age of its lease. */
  | 'LEASE_HELD'
  /** What is stored contradicts itself. Nothing was overwritten. */
  | 'CORRUPT_HISTORY'
  /** The history belongs to a task that was deleted and made again under the same id. */
  | 'STALE_HISTORY'
  /** The history was written by a newer version of the engine. */
  | 'UNSUPPORTED_SCHEMA'
  /** Run after run died at the same place. */
  | 'CRASH_LOOP'
  /** The store could not be reached, or did not answer in time. */
  | 'STORE_UNAVAILABLE'
  /** The store refused for lack of permission. */
  | 'STORE_DENIED'
  /** The store refused what it was given. */
  | 'STORE_REJECTED'
  /** A document or a commit is over the store's limits. */
  | 'TOO_LARGE'
  /** The model's provider throttled every attempt. */
  | 'MODEL_THROTTLED'
  /** The model could not be reached, or was overloaded or cut off at every attempt. */
  | 'MODEL_UNAVAILABLE'
  /** The model fell silent at every attempt. */
  | 'MODEL_TIMEOUT'
  /** The model's provider refused for lack of permission. */
  | 'MODEL_DENIED'
  /** The model's provider refused the request. */
  | 'MODEL_REJECTED'
  /** The conversation does not fit into the model's context, even shortened. */
  | 'CONTEXT_OVERFLOW'
  /** One of the host's callbacks threw or did not settle. */
  | 'HOST_CALLBACK'
  /** The host is not configured, or lacks what this call needs. */
  | 'NOT_CONFIGURED'
  /** The engine could not be loaded here. */
  | 'ENGINE_UNAVAILABLE'
  /** A defect of the engine; `details` say where. */
  | 'ENGINE_PANIC';

const retryableCodes: ReadonlySet<TaskErrorCode> = new Set([
  'LEASE_HELD',
  'STORE_UNAVAILABLE',
  'MODEL_THROTTLED',
  'MODEL_UNAVAILABLE',
  'MODEL_TIMEOUT',
  'ENGINE_PANIC',
]);

const brand = Symbol.for('task-execution-engine/error');

/** What an error is made of beside code and message. */
export interface TaskErrorOptions {
  /** Facts to program against, as JSON. */
  details?: Record<string, unknown> | undefined;
  /** Default: as the code says. */
  retryable?: boolean | undefined;
  /** The exception behind it. */
  cause?: unknown;
}

/** An error as JSON: everything but the cause and the stack, which are not for other processes' eyes. */
export interface TaskErrorJson {
  /** The name of the class. */
  name: 'TaskExecutionError';
  /** What went wrong, for programs. */
  code: TaskErrorCode;
  /** What went wrong, where, and what to do, for people. */
  message: string;
  /** The same again, later, may well succeed. */
  retryable: boolean;
  /** What belongs to the code: ids, limits, states. */
  details: Record<string, unknown>;
}

/**
 * Every failure that the engine reports. `instanceof` also recognises errors of another copy of the package in the
 * same process (ESM beside CommonJS, or a bundler's duplicate).
 */
export class TaskExecutionError extends Error {
  /** What to branch on. */
  readonly code: TaskErrorCode;
  /** Facts to program against: paths, owners, ages, status codes. */
  readonly details: Record<string, unknown>;
  /** The same call, given again later and unchanged, may well succeed. */
  readonly retryable: boolean;
  /** The exception behind it, where there was one in this process. */
  override readonly cause: unknown;

  constructor(code: TaskErrorCode, message: string, options: TaskErrorOptions = {}) {
    super(message);
    this.code = code;
    this.details = options.details ?? {};
    this.retryable = options.retryable ?? retryableCodes.has(code);
    this.cause = options.cause;
    Object.defineProperty(this, 'name', { value: 'TaskExecutionError', configurable: true, writable: true });
    Object.defineProperty(this, brand, { value: true });
  }

  /** Whether `value` is one, of this copy of the package or another. */
  static is(value: unknown): value is TaskExecutionError {
    try {
      return typeof value === 'object' && value !== null && Reflect.get(value, brand) === true;
    } catch {
      // a proxy or getter that throws belongs to no error of ours
      return false;
    }
  }

  /** Recognises errors of every copy of the package. */
  // a subclass inherits this, and must not take every error for its own
  static override [Symbol.hasInstance]: (value: unknown) => boolean = function (
    this: unknown,
    value: unknown,
  ) {
    return this === TaskExecutionError
      ? TaskExecutionError.is(value)
      : Function.prototype[Symbol.hasInstance].call(this as () => void, value);
  };

  /** What `JSON.stringify` writes. */
  toJSON(): TaskErrorJson {
    const { code, message, retryable, details } = this;
    return { name: 'TaskExecutionError', code, message, retryable, details };
  }
}
