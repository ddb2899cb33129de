import { systemClock } from '../clock.js';
import type { TaskEvent, TaskHost } from '../types.js';
import type { Agent } from './agent.js';
import { Feed } from './feed.js';
import { keyOf, type LocalRun, localRun, onRun } from './registry.js';

/** What `events()` takes. */
export interface EventsOptions {
  /** A cursor: the `id` of the last event that was seen; '0' for all. */
  after?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** A page of stored facts, and the cursor behind it. Without `after` it is empty and its cursor is now. */
interface Page {
  events: TaskEvent[];
  cursor: string;
  more: boolean;
}

/** How often to look where the store cannot watch, and where it can, in case it misses something. */
const pollMs = 1_000;
const watchedPollMs = 10_000;

/** Follows a task; each loop over it has an own place. */
export function followTask(agent: Agent, options: EventsOptions): AsyncIterable<TaskEvent> {
  // From now on means from the call on.
  const first = new Follower(agent, options);
  let taken = false;
  return {
    [Symbol.asyncIterator]() {
      const follower = taken ? new Follower(agent, options) : first;
      taken = true;
      return follower;
    },
  };
}

class Follower implements AsyncIterator<TaskEvent> {
  readonly #agent: Agent;
  readonly #signal: AbortSignal | undefined;
  readonly #ready: Promise<void>;
  /** Live events of runs in this process, the oldest run first. */
  readonly #feeds: Feed[] = [];
  readonly #cleanups: (() => void)[] = [];
  #page: Page | undefined;
  #cursor: string | undefined;
  /** Facts may be stored that neither page nor feed has. */
  #behind: boolean;
  #ended = false;
  #last: Promise<unknown> = Promise.resolve();
  #wake: () => void = () => {};

  constructor(agent: Agent, { after, signal }: EventsOptions) {
    this.#agent = agent;
    this.#cursor = after;
    this.#behind = after !== undefined;
    this.#signal = signal;
    this.#ready = this.#begin();
    // Told to whoever asks for the first event.
    this.#ready.catch(() => {});
  }

  async #begin(): Promise<void> {
    const signal = this.#signal;
    if (signal !== undefined) {
      const onAbort = () => this.#close();
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      this.#cleanups.push(() => signal.removeEventListener('abort', onAbort));
    }
    const run = await this.#agent.localRun();
    if (this.#ended) return;
    const key = keyOf(await this.#agent.host(), this.#agent.userId, this.#agent.taskId);
    if (this.#ended) return;
    this.#cleanups.push(onRun(key, (begun) => this.#follow(begun)));
    const now = localRun(key) ?? run;
    if (now !== undefined) this.#follow(now);
    else if (this.#cursor === undefined) await this.#readPage();
  }

  #follow(run: LocalRun): void {
    const feed = new Feed(this.#agent.taskId);
    this.#feeds.push(feed);
    const leave = run.follow(feed);
    // One that has ended meanwhile takes no followers.
    void run.outcome.then(() => feed.close());
    this.#cleanups.push(leave);
    this.#behind = this.#cursor !== undefined;
    this.#wake();
  }

  next(): Promise<IteratorResult<TaskEvent, undefined>> {
    const next = this.#last.then(() => this.#next());
    this.#last = next.catch(() => {});
    return next;
  }

  async return(): Promise<IteratorResult<TaskEvent, undefined>> {
    this.#close();
    return { done: true, value: undefined };
  }

  #close(): void {
    this.#ended = true;
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    for (const feed of this.#feeds.splice(0)) feed.close();
    this.#wake();
  }

  async #next(): Promise<IteratorResult<TaskEvent, undefined>> {
    try {
      await this.#ready;
      while (!this.#ended) {
        const event = await this.#step();
        if (event !== undefined && !this.#ended) return { done: false, value: event };
      }
      return { done: true, value: undefined };
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /** The next event, or undefined where it is worth another look. */
  async #step(): Promise<TaskEvent | undefined> {
    if (this.#page !== undefined) return this.#turnPage(this.#page);
    if (this.#behind) {
      await this.#readPage();
      return undefined;
    }
    const feed = this.#feeds[0];
    if (feed === undefined) return this.#idle();
    const event = await feed.next();
    if (event !== undefined) return this.#fresh(event);
    this.#feeds.shift();
    return undefined;
  }

  #turnPage(page: Page): TaskEvent | undefined {
    const stored = page.events.shift();
    if (stored !== undefined) return this.#fresh(stored);
    this.#page = undefined;
    // Entries that announce nothing are behind us too.
    if (this.#cursor === undefined || isAfter(page.cursor, this.#cursor)) this.#cursor = page.cursor;
    this.#behind = page.more;
    return undefined;
  }

  /** Leaves out what was there before; facts can come by page and by feed. */
  #fresh(event: TaskEvent): TaskEvent | undefined {
    const { id } = event;
    if (id === undefined) return event;
    if (this.#cursor !== undefined && !isAfter(id, this.#cursor)) return undefined;
    this.#cursor = id;
    return event;
  }

  async #readPage(): Promise<void> {
    const after = this.#cursor;
    this.#page = await this.#agent.command<Page>('events', after === undefined ? {} : { after });
  }

  /** Nothing runs here: waits for a change, then looks. */
  async #idle(): Promise<undefined> {
    await this.#change(await this.#agent.host());
    this.#behind = true;
    return undefined;
  }

  #change(host: TaskHost): Promise<void> {
    const { taskId, userId } = this.#agent;
    const { store, clock = systemClock } = host;
    return new Promise((resolve) => {
      let unwatch: (() => void) | undefined;
      let cancel: () => void = () => {};
      const done = () => {
        this.#wake = () => {};
        unwatch?.();
        cancel();
        resolve();
      };
      this.#wake = done;
      unwatch = store.watch?.([`users/${userId}/tasks/${taskId}/journal`], done);
      cancel = clock.after(unwatch === undefined ? pollMs : watchedPollMs, done);
      if (this.#ended || this.#feeds.length > 0) done();
    });
  }
}

/** Compares cursors: `'{seq}.{n}'` after an event, `'{seq}'` after all of an entry. */
function isAfter(id: string, cursor: string): boolean {
  const [seq = 0, n = Infinity] = id.split('.').map(Number);
  const [otherSeq = 0, otherN = Infinity] = cursor.split('.').map(Number);
  return seq > otherSeq || (seq === otherSeq && n > otherN);
}
