import { safeNow, systemClock } from '../clock.js';
import type { AbortSignalLike, TaskEvent } from '../types.js';
import { watchStore } from '../watch.js';
import type { Agent } from './agent.js';
import { typed } from './arguments.js';
import { Feed } from './feed.js';
import { keyOf, type LocalRun, localRun, onRun } from './registry.js';
import { Rest } from './rest.js';
import { isAfter, type Page, readPage, warn } from './stored-events.js';

/** What `events()` takes. */
export interface EventsOptions {
  /** A cursor: the `id` of the last event that was seen; '0' for all. */
  after?: string | undefined;
  signal?: AbortSignalLike | undefined;
}

/** How long to wait before looking whether there is news: a quarter of the silence so far, within these bounds. */
const shortestPollMs = 1_000;
const longestPollMs = 10_000;

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
  readonly #signal: AbortSignalLike | undefined;
  readonly #ready: Promise<void>;
  readonly #rest = new Rest({ keepsAlive: false });
  /** Live events of runs in this process, the oldest run first. */
  readonly #feeds: Feed[] = [];
  readonly #cleanups = new Set<() => void>();
  #page: Page | undefined;
  #cursor: string | undefined;
  /** Facts may be stored that neither page nor feed has. */
  #behind: boolean;
  /** Messages that were read as saved: a feed that was there before may still hold their text. */
  readonly #saved = new Set<string>();
  /** When there was news, by the host's clock. */
  #lastNews: number | undefined;
  #watchFails = false;
  #ended = false;
  #last: Promise<unknown> = Promise.resolve();

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
      this.#cleanups.add(() => signal.removeEventListener('abort', onAbort));
    }
    const run = await this.#agent.localRun();
    if (this.#ended) return;
    const key = keyOf(await this.#agent.host(), this.#agent.userId, this.#agent.taskId);
    if (this.#ended) return;
    this.#cleanups.add(onRun(key, (begun) => this.#follow(begun)));
    const now = localRun(key) ?? run;
    if (now !== undefined) this.#follow(now);
    else if (this.#cursor === undefined) await this.#readPage();
  }

  #follow(run: LocalRun): void {
    const feed = new Feed(this.#agent.taskId, this.#agent);
    this.#feeds.push(feed);
    const unfollow = run.follow(feed);
    const leave = () => {
      unfollow();
      feed.leave();
    };
    this.#cleanups.add(leave);
    // One that has ended meanwhile takes no followers.
    void run.outcome.then(() => {
      feed.close();
      this.#cleanups.delete(leave);
    });
    this.#behind = this.#cursor !== undefined;
    this.#rest.wake();
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
    for (const cleanup of this.#cleanups) {
      try {
        cleanup();
      } catch {
        // A signal of the app's own making: what it still tells, nobody hears.
      }
    }
    this.#cleanups.clear();
    for (const feed of this.#feeds.splice(0)) feed.leave();
    this.#rest.wake();
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
      throw typed(error);
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
    if (event !== undefined) return this.#ofFeed(event);
    this.#feeds.shift();
    this.#saved.clear();
    return undefined;
  }

  #turnPage(page: Page): TaskEvent | undefined {
    const stored = page.events.shift();
    if (stored !== undefined) {
      this.#lastNews = undefined;
      if (stored.type === 'task:message_saved' && this.#feeds.length > 0) this.#saved.add(stored.messageId);
      return this.#fresh(stored);
    }
    this.#page = undefined;
    // Entries that announce nothing are behind us too.
    if (this.#cursor === undefined || isAfter(page.cursor, this.#cursor)) this.#cursor = page.cursor;
    this.#behind = page.more;
    return undefined;
  }

  #ofFeed(event: TaskEvent): TaskEvent | undefined {
    this.#lastNews = undefined;
    if (event.type === 'task:message' && this.#saved.has(event.messageId)) return undefined;
    return this.#fresh(event);
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
    this.#page = await readPage(this.#agent, this.#cursor, this.#rest, () => !this.#ended);
  }

  /** Nothing runs here: waits for a change, then looks. */
  async #idle(): Promise<undefined> {
    const host = await this.#agent.host();
    if (this.#ended || this.#feeds.length > 0) return;
    const { store, clock = systemClock } = host;
    const { userId, taskId } = this.#agent;
    const now = safeNow(clock);
    this.#lastNews ??= now;
    const quiet = Math.max(0, now - this.#lastNews);
    const pollMs = Math.min(Math.max(quiet / 4, shortestPollMs), longestPollMs);
    const watches = !this.#watchFails && typeof store.watch === 'function';
    const journal = `users/${userId}/tasks/${taskId}/journal`;
    // A store whose watch fails is one that cannot watch.
    const failed = (message: string) => {
      this.#watchFails = true;
      warn(host, `${message} events() polls instead.`);
    };
    await this.#rest.wait(host, watches ? longestPollMs : pollMs, (changed) =>
      watches ? watchStore(store, [journal], changed, failed) : undefined,
    );
    this.#behind = true;
  }
}
