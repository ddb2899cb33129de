import { onAbort } from '../abort.js';
import { safeNow, systemClock } from '../clock.js';
import type { AbortSignalLike, TaskEvent, TaskHost } from '../types.js';
import type { Agent } from './agent.js';
import { typed } from './arguments.js';
import { Feed, type FeedBounds, type FollowerBounds } from './feed.js';
import { keyOf, type LocalFollower, type LocalRun, localRun, onRun } from './registry.js';
import { RemoteText } from './remote-text.js';
import { Rest } from './rest.js';
import { sharedPage, sharedWatch } from './shared.js';
import { isAfter, isOver, type Page, type PageSource, readPage, warn } from './stored-events.js';

/** What `events()` takes. */
export interface EventsOptions {
  /** A cursor: the `id` of the last event that was seen; '0' for all. */
  after?: string | undefined;
  /** Ends the loop, also while it waits or reads. */
  signal?: AbortSignalLike | undefined;
  /** `'ended'`: the loop ends once the task is completed or failed. Default: it goes on until `signal`. */
  until?: 'ended' | undefined;
}

/** How long to wait before looking whether there is news: a quarter of the silence so far, within these bounds. */
const shortestPollMs = 1_000;
const longestPollMs = 10_000;
/** Who waits for the end looks so often: a status that others have written is no fact. */
const statusLookMs = 30_000;

/** Listeners go deaf without an error: where a watch has said nothing for so long, it is looked all the same. */
const deafMs = 60_000;

const done: IteratorResult<TaskEvent, undefined> = { done: true, value: undefined };

/** Follows a task; each loop over it has an own place, and holds nothing before its first step. */
export function followTask(
  agent: Agent,
  options: EventsOptions,
  bounds: FollowerBounds = {},
): AsyncIterable<TaskEvent> {
  return { [Symbol.asyncIterator]: () => new Follower(agent, options, bounds) };
}

class Follower implements AsyncIterator<TaskEvent>, LocalFollower {
  readonly #agent: Agent;
  readonly #signal: AbortSignalLike | undefined;
  readonly #untilEnded: boolean;
  readonly #bounds: FeedBounds;
  #replays: boolean;
  readonly #remote: RemoteText;
  #ready: Promise<void> | undefined;
  #host: TaskHost | undefined;
  readonly #rest = new Rest({ keepsAlive: false });
  /** Live events of runs in this process, the oldest run first. */
  readonly #feeds: Feed[] = [];
  readonly #cleanups = new Set<() => void>();
  /** Tells everybody who waits for an event that there is none any more. */
  readonly #asked = new Set<() => void>();
  #page: Page | undefined;
  #cursor: string | undefined;
  /** Where it is as long as no fact was told: of a read that came while a run had begun here, which tells its own. */
  #from: string | undefined;
  /** Facts may be stored that neither page nor feed has. */
  #behind: boolean;
  /** Messages that were read as saved: a feed that was there before may still hold their text. */
  readonly #saved = new Set<string>();
  /** When there was news, by the host's clock. */
  #lastNews: number | undefined;
  /** Whether the store tells of changes; undefined as long as it was not asked. */
  #watches: boolean | undefined;
  /** The newest entry that the store told of since the last read; NaN where it did not say which. */
  #told: number | undefined;
  /** The newest entry that was read or fed. */
  #known: number | undefined;
  /** Ends the watch of the live text, which there is while the task is at work in another process. */
  #unwatchLive: (() => void) | undefined;
  #liveTold = false;
  #reading = false;
  #finishing = false;
  #ended = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    agent: Agent,
    { after, signal, until }: EventsOptions,
    { mostWaiting, startsOver, replays = false }: FollowerBounds,
  ) {
    this.#replays = replays;
    this.#agent = agent;
    this.#untilEnded = until === 'ended';
    this.#remote = new RemoteText(agent.taskId);
    this.#bounds = { mostWaiting, startsOver: startsOver && (() => this.#startsOver(startsOver)) };
    this.#cursor = after;
    this.#behind = after !== undefined;
    this.#signal = signal;
  }

  async #begin(): Promise<void> {
    const signal = this.#signal;
    if (signal?.aborted) return this.#close();
    if (signal !== undefined) this.#cleanups.add(onAbort(signal, () => this.#close()));
    this.#cleanups.add(this.#agent.followed(this));
    const run = await this.#agent.localRun();
    const host = await this.#agent.host();
    this.#host = host;
    if (this.#ended) return;
    const key = keyOf(host, this.#agent.userId, this.#agent.taskId);
    this.#cleanups.add(onRun(key, (begun) => this.#follow(begun)));
    const now = localRun(key) ?? run;
    if (now !== undefined) return this.#follow(now);
    // Before anything is read: what changes from then on is told.
    this.#watch(host);
    if (this.#cursor === undefined) await this.#readPage();
  }

  #follow(run: LocalRun): void {
    this.#watchLive(undefined);
    const feed = new Feed(this.#agent.taskId, this.#agent, this.#bounds);
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
    // What comes after it the feed has, or the journal where this run stores no more.
    this.#cursor ??= run.cursor;
    this.#rest.wake();
  }

  next(): Promise<IteratorResult<TaskEvent, undefined>> {
    if (this.#ended) return Promise.resolve({ ...done });
    return new Promise((resolve, reject) => {
      const end = () => resolve({ ...done });
      this.#asked.add(end);
      const next = this.#last.then(() => this.#next());
      this.#last = next.catch(() => {});
      next.then(
        (result) => {
          this.#asked.delete(end);
          resolve(result);
        },
        (error) => {
          this.#asked.delete(end);
          reject(typed(error));
          this.#close();
        },
      );
    });
  }

  async return(): Promise<IteratorResult<TaskEvent, undefined>> {
    this.#close();
    return { ...done };
  }

  #close(): void {
    this.#ended = true;
    for (const cleanup of this.#cleanups) cleanup();
    this.#cleanups.clear();
    this.#watchLive(undefined);
    for (const feed of this.#feeds.splice(0)) feed.leave();
    this.#rest.wake();
    for (const end of this.#asked) end();
    this.#asked.clear();
  }

  finish(): void {
    this.#finishing = true;
    if (this.#reading || (this.#page === undefined && this.#feeds.length === 0)) this.#close();
  }

  end(): void {
    this.#finishing = true;
    // Whoever waits has been given everything that is here.
    if (this.#asked.size > 0) this.#close();
    for (const feed of this.#feeds) feed.seal();
  }

  async #next(): Promise<IteratorResult<TaskEvent, undefined>> {
    this.#ready ??= this.#begin();
    await this.#ready;
    while (!this.#ended) {
      const event = await this.#step();
      if (event !== undefined && !this.#ended) return { done: false, value: event };
    }
    return { ...done };
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
    // Whether that was the end, the status says; what lies between two runs, the journal.
    if (this.#untilEnded || this.#feeds.length > 0) this.#behind = true;
    return undefined;
  }

  #turnPage(page: Page): TaskEvent | undefined {
    const feed = this.#feeds[0];
    const begins = feed?.firstSeq;
    const isLate = feed !== undefined && this.#cursor === undefined;
    if (isLate || (begins !== undefined && (page.events[0]?.seq ?? 0) >= begins)) {
      // What the feed has, it tells with its text.
      if (isLate) this.#from ??= page.cursor;
      this.#page = undefined;
      this.#behind = false;
      return undefined;
    }
    const stored = page.events.shift();
    if (stored !== undefined) {
      this.#lastNews = undefined;
      if (stored.type === 'task:message_saved') this.#hasSaved(stored.messageId);
      return this.#fresh(stored);
    }
    this.#page = undefined;
    // Entries that announce nothing are behind us too.
    if (this.#cursor === undefined || isAfter(page.cursor, this.#cursor)) this.#cursor = page.cursor;
    this.#known = Number(page.cursor);
    this.#behind = page.more;
    this.#replays &&= page.more;
    if (page.more || this.#feeds.length > 0) return undefined;
    if (this.#untilEnded && isOver(page.status)) {
      this.#close();
      return undefined;
    }
    this.#watchLive(page.status === 'in_progress' ? this.#host : undefined);
    const said = this.#remote.delta(page.live);
    if (said !== undefined) this.#lastNews = undefined;
    return said;
  }

  #hasSaved(messageId: string): void {
    this.#remote.saved(messageId);
    if (this.#feeds.length > 0) this.#saved.add(messageId);
  }

  #startsOver(startsOver: () => boolean): boolean {
    if (this.#replays || !startsOver()) return false;
    this.#close();
    return true;
  }

  #ofFeed(event: TaskEvent): TaskEvent | undefined {
    this.#lastNews = undefined;
    if (event.type === 'task:message_saved') this.#remote.saved(event.messageId);
    if (event.type === 'task:message' && this.#saved.has(event.messageId)) return undefined;
    return this.#fresh(event);
  }

  /** Leaves out what was there before; facts can come by page and by feed. */
  #fresh(event: TaskEvent): TaskEvent | undefined {
    const { id, seq } = event;
    if (id === undefined) return event;
    if (this.#cursor !== undefined && !isAfter(id, this.#cursor)) return undefined;
    this.#cursor = id;
    this.#known = seq;
    return event;
  }

  async #readPage(): Promise<void> {
    if (this.#finishing) return this.#close();
    this.#told = undefined;
    this.#liveTold = false;
    this.#reading = true;
    try {
      const elsewhere = this.#feeds.length === 0 && ({ live: true, unsaved: this.#remote.unsaved } as const);
      const query = { after: this.#cursor ?? this.#from, ...elsewhere };
      this.#page = await readPage(this.#source, query, this.#rest, () => !this.#ended);
    } finally {
      this.#reading = false;
    }
  }

  /** The agent, whose reads are shared with others who follow the task. */
  readonly #source: PageSource = {
    host: () => this.#agent.host(),
    command: async (kind, query) => {
      const { userId, taskId } = this.#agent;
      const key = JSON.stringify([userId, taskId, query.after, query.live, query.unsaved]);
      const { store } = await this.#agent.host();
      const page = await sharedPage(store, key, () => this.#agent.command<Page>(kind, query));
      this.#agent.status = page.status;
      return page;
    },
  };

  /** Watches the journal, where the store can, from now until the end. */
  #watch(host: TaskHost): void {
    const { userId, taskId } = this.#agent;
    const changed = (newest?: unknown) => {
      this.#told = typeof newest === 'string' ? Number.parseInt(newest || '0', 10) : Number.NaN;
      this.#rest.wake();
    };
    // A store whose watch fails is one that cannot watch.
    const failed = (message: string) =>
      warn(host, this.#watches ? message : `${message} events() polls instead.`);
    const end = sharedWatch(host.store, `users/${userId}/tasks/${taskId}/journal`, changed, failed);
    this.#watches = end !== undefined;
    if (end === undefined) return;
    if (this.#ended) end();
    else this.#cleanups.add(end);
  }

  /** Watches the live text by this host, where that can be, or no more. */
  #watchLive(host: TaskHost | undefined): void {
    if (host === undefined || this.#ended) {
      this.#unwatchLive?.();
      this.#unwatchLive = undefined;
      return;
    }
    if (this.#unwatchLive !== undefined || !this.#watches) return;
    const { userId, taskId } = this.#agent;
    const changed = () => {
      this.#liveTold = true;
      this.#rest.wake();
    };
    const failed = (message: string) => warn(host, `${message} events() has no live text from elsewhere.`);
    const live = `users/${userId}/tasks/${taskId}/engine/live`;
    // Where it fails, it is not tried again with every page.
    this.#unwatchLive = sharedWatch(host.store, live, changed, failed) ?? (() => {});
    // What was written since the page was read.
    this.#liveTold = true;
  }

  /** Nothing runs here: waits for a change, then looks. */
  async #idle(): Promise<undefined> {
    if (this.#finishing) {
      this.#close();
      return;
    }
    const host = await this.#agent.host();
    if (this.#ended || this.#feeds.length > 0) return;
    if (this.#watches === undefined) {
      this.#watch(host);
      this.#behind = true;
    } else if (!this.#watches) {
      await this.#poll(host);
      this.#behind = true;
    } else if (!this.#liveTold && (this.#told === undefined || this.#told === this.#known)) {
      if (this.#untilEnded) {
        await this.#rest.wait(host, statusLookMs);
        this.#behind = true;
      } else if (!(await this.#rest.woken(deafMs))) this.#behind = true;
    } else {
      this.#behind = true;
    }
  }

  async #poll(host: TaskHost): Promise<void> {
    const now = safeNow(host.clock ?? systemClock);
    this.#lastNews ??= now;
    const quiet = Math.max(0, now - this.#lastNews);
    await this.#rest.wait(host, Math.min(Math.max(quiet / 4, shortestPollMs), longestPollMs));
  }
}
