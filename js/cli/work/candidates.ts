import type { Backend } from '../../server/host.js';
import { hasMail, headOf, lookAt, type Standing } from '../../server/left.js';
import { cursorOfTask } from '../../stores/task-order.js';
import type { StoredDocument } from '../../types.js';
import { describeThrown } from '../../values.js';

/** A task to take up. */
export interface Candidate {
  userId: string;
  taskId: string;
  title: string;
  /** Its head has not changed for the time of its lease; the store cannot tell more. */
  isStale: boolean;
}

/** What is kept in mind of a task so that the store is asked less. */
interface Known {
  standing: Standing | 'resting';
  /** Of the head that was looked at; undefined where the next look takes what is there. */
  version: string | undefined;
  /** When the head was first seen so, when the inbox was last looked into, or when the rest is over. */
  at: number;
}

/** A task that more is read of. */
interface Asked {
  key: string;
  userId: string;
  taskId: string;
  title: string;
  head: StoredDocument | null;
}

/** What a worker says of itself while it looks. */
export interface Looker {
  /** This process runs the task. */
  isBusy(key: string): boolean;
  /** Another task of this user may be run here. */
  hasPlace(userId: string): boolean;
  /** A task that nobody goes on with any more, or that cannot be read. */
  trouble(task: { userId: string; taskId: string }, what: string): void;
  /** Milliseconds that never go back. */
  now(): number;
}

const page = 50;
/** Tasks in progress that one look goes through, at most. The next goes on behind them. */
const mostLooked = 2_000;
/** Inboxes of waiting tasks that one look opens, about. */
const mostOpened = 100;
/** Tasks about which the store is asked side by side. */
const mostAskedAtOnce = 10;
/** Tasks that are kept in mind. */
const mostKnown = 20_000;

/** Names a task of the one store that a worker looks into. */
export function keyOfTask(userId: string, taskId: string): string {
  return `${userId}/${taskId}`;
}

/** Finds what can be taken up, the oldest first. */
export class Candidates {
  readonly #backend: Backend;
  readonly #everyMs: number;
  readonly #looker: Looker;
  readonly #known = new Map<string, Known>();
  /** Where a look goes on that was not at the end. */
  #after: string | undefined;
  /** Tasks were left out because of their user's other tasks. */
  hasHeldBack = false;

  /** `everyMs`: the time between two looks. */
  constructor(backend: Backend, everyMs: number, looker: Looker) {
    this.#backend = backend;
    this.#everyMs = everyMs;
    this.#looker = looker;
  }

  /** The last look was not at the end of all tasks. */
  get isInMidway(): boolean {
    return this.#after !== undefined;
  }

  /** Tasks that were seen waiting for people. */
  get waiting(): number {
    return this.#count('waits');
  }

  /** Tasks that others are seen to run. */
  get held(): number {
    return this.#count('held');
  }

  #count(standing: Standing): number {
    let count = 0;
    for (const known of this.#known.values()) if (known.standing === standing) count += 1;
    return count;
  }

  /** The next look finds out anew what this task is. */
  forget(key: string): void {
    this.#known.delete(key);
  }

  /** Nobody here goes on with the task before its head has changed. */
  leave(key: string): void {
    this.#keep(key, { standing: 'stuck', version: undefined, at: 0 });
  }

  /** Looked at again after so many milliseconds. */
  rest(key: string, ms: number): void {
    this.#keep(key, { standing: 'resting', version: undefined, at: this.#looker.now() + ms });
  }

  /**
   * One look through the tasks that are in progress. Whoever has enough leaves the loop, and the next look begins with the
   * oldest again.
   */
  async *look(): AsyncGenerator<Candidate, void, undefined> {
    const { store } = this.#backend.host;
    let after = this.#after;
    const seen = after === undefined ? new Set<string>() : undefined;
    this.#after = undefined;
    this.hasHeldBack = false;
    for (let looked = 0; ; looked += page) {
      if (looked >= mostLooked) {
        this.#after = after;
        return;
      }
      const documents =
        (await store.tasks?.({ status: 'in_progress', order: 'oldest', limit: page, after })) ?? [];
      yield* this.#ofPage(documents, seen);
      const last = documents.at(-1);
      if (last === undefined || documents.length < page) break;
      after = cursorOfTask(last);
    }
    // Everything was seen: what was not is over.
    if (seen !== undefined) for (const key of [...this.#known.keys()]) if (!seen.has(key)) this.forget(key);
  }

  async *#ofPage(documents: StoredDocument[], seen: Set<string> | undefined): AsyncGenerator<Candidate> {
    const { store } = this.#backend.host;
    const open = documents.flatMap((document) => {
      const [, userId = '', , taskId = ''] = document.path.split('/');
      const key = keyOfTask(userId, taskId);
      seen?.add(key);
      return this.#isOpen(key) ? [{ key, userId, taskId, title: titleOf(document) }] : [];
    });
    if (open.length === 0) return;
    const heads = await store.read(open.map(({ userId, taskId }) => headOf(userId, taskId)));
    const asked = open.map((task, index) => ({ ...task, head: heads[index] ?? null }));
    for (let first = 0; first < asked.length; first += mostAskedAtOnce) {
      const some = asked.slice(first, first + mostAskedAtOnce);
      const found = await Promise.all(some.map((task) => this.#ask(task)));
      for (const { key, userId, taskId, title, isStale } of found.filter((one) => one !== undefined)) {
        // Meanwhile others have been begun.
        if (this.#looker.isBusy(key)) continue;
        if (this.#looker.hasPlace(userId)) yield { userId, taskId, title, isStale };
        else this.hasHeldBack = true;
      }
    }
  }

  /** Undefined where there is no reason to take it up. */
  async #ask({ key, head, ...task }: Asked): Promise<(Candidate & { key: string }) | undefined> {
    if (!this.#looker.hasPlace(task.userId)) {
      this.hasHeldBack = true;
      return undefined;
    }
    try {
      const isStale = await this.#isCandidate(key, task, head);
      return isStale === undefined ? undefined : { key, ...task, isStale };
    } catch (thrown) {
      // The store's own trouble is no task's.
      if (isOfStore(thrown)) throw thrown;
      this.#looker.trouble(task, `cannot be read: ${describeThrown(thrown).message}`);
      this.rest(key, 60_000);
      return undefined;
    }
  }

  /** Whether there is a reason to read more of it. */
  #isOpen(key: string): boolean {
    if (this.#looker.isBusy(key)) return false;
    const known = this.#known.get(key);
    if (known === undefined) return true;
    const now = this.#looker.now();
    if (known.standing === 'resting') return now >= known.at;
    // Among a thousand that wait, each is asked in every tenth look.
    if (known.standing === 'waits')
      return now >= known.at + this.#everyMs * Math.floor(this.waiting / mostOpened);
    return true;
  }

  /** Undefined where it is none; true where only time says that nobody runs it. */
  async #isCandidate(
    key: string,
    { userId, taskId }: { userId: string; taskId: string },
    head: StoredDocument | null,
  ): Promise<boolean | undefined> {
    const known = this.#known.get(key);
    const version = head?.version ?? '';
    if (known?.standing === 'stuck' && (known.version ?? version) === version) {
      this.#keep(key, { ...known, version });
      return undefined;
    }
    if (known?.standing === 'waits' && known.version === version) {
      if (await hasMail(this.#backend, userId, taskId)) return false;
      this.#keep(key, { ...known, at: this.#looker.now() });
      return undefined;
    }
    if (this.#isSurelyHeld(head)) return this.#held(key, known, version);
    const look = await lookAt(this.#backend, userId, taskId);
    const now = look.head?.version ?? '';
    switch (look.standing) {
      case 'left':
        this.forget(key);
        return false;
      case 'held':
        if (isStale(known, look.head, this.#looker.now())) return true;
        return this.#held(key, known, now);
      case 'stuck':
        this.#looker.trouble(
          { userId, taskId },
          'has died three times at the same place and is left alone. What it waits for is resume().',
        );
        break;
      case 'waits':
      case 'over':
    }
    this.#keep(key, { standing: look.standing, version: now, at: this.#looker.now() });
    return undefined;
  }

  /** Said by the head alone. Processes of one host may be known to be gone before their lease is over. */
  #isSurelyHeld(head: StoredDocument | null): boolean {
    if (this.#backend.host.store.holder !== undefined || head?.ageMs === undefined) return false;
    return head.ageMs <= leaseOf(head);
  }

  #held(key: string, known: Known | undefined, version: string): undefined {
    const isSame = known?.standing === 'held' && known.version === version;
    this.#keep(key, isSame ? known : { standing: 'held', version, at: this.#looker.now() });
  }

  #keep(key: string, known: Known): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= mostKnown) break;
      this.#known.delete(oldest);
    }
  }
}

/** Milliseconds that its owner has; 0 where it has none. */
function leaseOf(head: StoredDocument): number {
  const owner = head.data.owner as { ttl_ms?: unknown } | undefined;
  return typeof owner?.ttl_ms === 'number' ? owner.ttl_ms : 0;
}

/** Where the store does not say how old a head is: it has stayed the same for as long as its owner may be silent. */
function isStale(known: Known | undefined, head: StoredDocument | null, now: number): boolean {
  if (head === null || head.ageMs !== undefined || known?.standing !== 'held') return false;
  return known.version === head.version && now - known.at > leaseOf(head);
}

function isOfStore(thrown: unknown): boolean {
  const { code } = (thrown ?? {}) as { code?: unknown };
  return ['unavailable', 'denied', 'STORE_UNAVAILABLE', 'STORE_DENIED'].includes(String(code));
}

function titleOf({ data }: StoredDocument): string {
  return typeof data.title === 'string' ? data.title : '';
}
