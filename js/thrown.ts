import { type TaskErrorCode, type TaskErrorJson, TaskExecutionError } from './errors.js';
import { describeThrown, explainThrown } from './values.js';

/** Exceptions kept to be handed back as `cause`: the last of them is what ends a run. */
const mostCauses = 64;
const storeCodes = new Set([
  'conflict',
  'exists',
  'not_found',
  'denied',
  'too_large',
  'invalid',
  'unavailable',
]);
/** The codes of `finalError` that the core can say itself. */
const namedByTheCore: Partial<Record<TaskErrorCode, string>> = {
  STORE_DENIED: 'denied',
  TOO_LARGE: 'too_large',
};

/** What was thrown to one machine: in the core's words on the way in, the exception itself on the way out. */
export class Thrown {
  readonly #causes = new Map<number, unknown>();
  #next = 0;

  /** The error of the core, with the exception behind it. */
  error(json: TaskErrorJson, kept?: number): TaskExecutionError {
    const { code, message, retryable, details } = json;
    const cause = kept === undefined ? undefined : this.#causes.get(kept);
    const said = code === 'STORE_REJECTED' ? finalError(cause) : undefined;
    return new TaskExecutionError(said?.code ?? code, said?.message ?? message, {
      retryable,
      details,
      cause,
    });
  }

  /** Of a store. */
  storeError(thrown: unknown): string {
    const { name, message } = describeThrown(thrown);
    const code = codeOf(thrown);
    const known = typeof code === 'string' && storeCodes.has(code);
    // What no other try would mend, a missing driver for example: the core has no name for it, `error` gives it back.
    const final = finalError(thrown);
    return JSON.stringify({
      code: final ? (namedByTheCore[final.code] ?? 'invalid') : known ? code : 'unavailable',
      message: final || known || name === 'Error' ? message : `${name}: ${message}`,
      cause: this.#keep(thrown),
    });
  }

  /** Of a callback or a tool: a whole reply. */
  reply(thrown: unknown): string {
    return JSON.stringify({ thrown: { message: explainThrown(thrown), cause: this.#keep(thrown) } });
  }

  /** Of a model. */
  failure(thrown: unknown): string {
    const described = describeThrown(thrown);
    // Our own errors all have one name; what they mean is their code.
    if (TaskExecutionError.is(thrown)) described.name = String(thrown.code);
    return JSON.stringify({ ...described, cause: this.#keep(thrown) });
  }

  #keep(thrown: unknown): number {
    const cause = this.#next++;
    this.#causes.set(cause, thrown);
    this.#causes.delete(cause - mostCauses);
    return cause;
  }
}

/** What a store says by an error of ours which is not worth another try. */
function finalError(thrown: unknown): { code: TaskErrorCode; message: string } | undefined {
  if (!TaskExecutionError.is(thrown)) return undefined;
  try {
    const { code, message, retryable } = thrown;
    const told = typeof code === 'string' && typeof message === 'string' && retryable === false;
    return told ? { code, message } : undefined;
  } catch {
    return undefined;
  }
}

function codeOf(thrown: unknown): unknown {
  try {
    return (thrown as { code?: unknown } | null | undefined)?.code;
  } catch {
    return undefined;
  }
}
