import { TaskExecutionError } from '../errors.js';
import { platformCrypto, wallMs } from '../platform.js';
import { derivedKey, isSigned, signed } from './digest.js';
import type { TaskRoutesOptions } from './options.js';
import { Refusal } from './problem.js';

/** Carries what one instance tells another of a run that is to go on. */
const header = 'x-task-continuation';
const longestAgeMs = 60_000;
const shortestSecret = 16;

/** A run to go on with, as it was signed. */
export interface Continuation {
  userId: string;
  taskId: string;
  /** Runs in a row that brought no new turn or result. */
  stalls: number;
}

/** Posts to the routes' own `/{id}/run`, and knows such a request when it comes. */
export class SelfCall {
  readonly #url: string;
  readonly #key: Promise<CryptoKey>;
  /** Until when a nonce must not come again. */
  readonly #seen = new Map<string, number>();

  /** @throws TaskExecutionError INVALID_ARGUMENT where the options cannot work */
  constructor({ selfUrl, secret }: Pick<TaskRoutesOptions, 'selfUrl' | 'secret'>) {
    if (selfUrl === undefined || !/^https?:\/\//.test(selfUrl))
      throw refused('selfUrl must be the URL of these routes');
    if (typeof secret !== 'string' || secret.length < shortestSecret) {
      throw refused(`secret must have at least ${shortestSecret} characters`);
    }
    this.#url = selfUrl.replace(/\/+$/, '');
    this.#key = derivedKey(secret, 'self/1');
    // Told to whoever uses it.
    this.#key.catch(() => {});
  }

  /** Has another request go on with a run. */
  async post({ userId, taskId, stalls }: Continuation): Promise<void> {
    const path = pathOf(taskId);
    const [time, nonce] = [String(wallMs()), platformCrypto().randomUUID()];
    const parts = [time, nonce, encodeURIComponent(userId), String(stalls)];
    const signature = await signed(await this.#key, textOf(path, taskId, parts));
    const response = await fetch(this.#url + path, {
      method: 'POST',
      headers: { [header]: [...parts, signature].join(',') },
      // What is signed goes to this address and no other, and nobody waits for ever.
      redirect: 'error',
      signal: AbortSignal.timeout(longestAgeMs),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`${this.#url}${path} answered ${response.status}`);
  }

  /**
   * What a request says that another instance has signed; undefined where it says nothing of that kind.
   *
   * @throws Refusal 401 where the signature is none
   */
  async read(request: Request, taskId: string): Promise<Continuation | undefined> {
    const said = request.headers.get(header);
    if (said === null) return undefined;
    const parts = said.split(',');
    const signature = parts.pop() ?? '';
    const [time = '', nonce = '', user = '', stalls = ''] = parts;
    const known = await isSigned(await this.#key, textOf(pathOf(taskId), taskId, parts), signature);
    const now = wallMs();
    const fresh = Math.abs(now - Number(time)) <= longestAgeMs;
    for (const [old, until] of this.#seen) if (until < now) this.#seen.delete(old);
    if (!known || !fresh || this.#seen.has(nonce)) {
      throw new Refusal(401, 'UNAUTHORIZED', 'The continuation is not signed, or it has been used.');
    }
    this.#seen.set(nonce, now + 2 * longestAgeMs);
    return { userId: decodeURIComponent(user), taskId, stalls: Number(stalls) };
  }
}

function refused(what: string): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `continueWith: 'self' cannot work: ${what}.`);
}

function pathOf(taskId: string): string {
  return `/${encodeURIComponent(taskId)}/run`;
}

function textOf(path: string, taskId: string, parts: string[]): string {
  return ['POST', path, encodeURIComponent(taskId), ...parts].join('\n');
}
