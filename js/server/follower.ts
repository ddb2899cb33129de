import { agentIn } from '../api/engine.js';
import { followTask } from '../api/events.js';
import { keyOf, localRun } from '../api/registry.js';
import { isAfter, isOver, type Page } from '../api/stored-events.js';
import { logTo } from '../log.js';
import type { TaskEvent } from '../types.js';
import { describeThrown } from '../values.js';
import { isBeyond, pageAfter } from './cursor.js';
import type { TaskRequest } from './routes.js';
import { snapshotOf, type TaskSnapshot } from './snapshot.js';

/** The last event of a stream whose task is completed or failed: there is nothing to come back for. */
export interface StreamEnd {
  /** Tells it from an event of the task. */
  type: 'end';
  /** The task's id. */
  taskId: string;
}

/** What a stream of events brings. */
export type TaskStreamEvent = TaskSnapshot | TaskEvent | StreamEnd;

/** One viewer's place in the events of a task, as frames of an event stream. */
export class Follower {
  readonly #task: TaskRequest;
  readonly #present: (event: TaskEvent) => TaskEvent | null;
  readonly #mostWaiting: number;
  readonly #history: number;
  readonly #gone = new AbortController();
  /** Ends the events alone: what is stored can still be read. */
  readonly #unfollow = new AbortController();
  /** The last fact that was told; undefined: begin with a snapshot. */
  #cursor: string | undefined;
  /** Frames that are ready. */
  readonly #ready: string[] = [];
  #events: AsyncIterator<TaskEvent> | undefined;
  /** Where the task has ended, what is left is read page by page, then the viewer is told so. */
  #phase: 'following' | 'finishing' | 'ending' | 'over' = 'following';

  /** Whoever says where it has come to gets everything from there on. */
  #replays: boolean;
  /** More happened than waits for a slow reader. */
  #startsOver = false;

  /**
   * `mostWaiting`: characters of events that wait for a reader who is slow. `history`: how many entries before it a snapshot
   * tells of.
   */
  constructor(
    task: TaskRequest,
    after: string | undefined,
    present: (event: TaskEvent) => TaskEvent | null,
    { mostWaiting, history }: { mostWaiting: number; history: number },
  ) {
    this.#task = task;
    this.#history = history;
    this.#cursor = after;
    this.#replays = after !== undefined;
    this.#present = present;
    this.#mostWaiting = mostWaiting;
  }

  /** Ends `next()`, also in mid-wait. */
  close(): void {
    this.#gone.abort();
    this.#unfollow.abort();
  }

  /** Sees a status that others have written and that no fact tells of, since nobody runs the task. */
  async look(): Promise<void> {
    const { host, document } = this.#task;
    const [now] = await host.store.read([document.path]);
    // A run that has yet to see it says so itself, in its last facts.
    if (now && (!isOver(String(now.data.status)) || (await this.#isRun()))) return;
    if (this.#phase === 'following') this.#phase = 'finishing';
    this.#unfollow.abort();
  }

  async #isRun(): Promise<boolean> {
    const { host, engine, userId, taskId } = this.#task;
    if (localRun(keyOf(host, userId, taskId)) !== undefined) return true;
    return (await engine.lifecycle(taskId, userId).state()).owner !== undefined;
  }

  /** False where the viewer has seen the last fact of a task that has ended. */
  async begin(): Promise<boolean> {
    const now = await pageAfter(this.#task, undefined);
    if (this.#cursor === undefined || isBeyond(this.#cursor, now.cursor)) {
      await this.#takeSnapshot(now);
      return true;
    }
    await this.#lookWhetherOver();
    if (this.#phase === 'following') return true;
    while (this.#phase === 'finishing' && this.#ready.length === 0) await this.#readPage();
    return this.#ready.length > 0;
  }

  async #takeSnapshot(now: Page): Promise<void> {
    const snapshot = await snapshotOf(this.#task, now, this.#history, (fact) => this.#shown(fact));
    this.#cursor = now.cursor;
    this.#replays = false;
    this.#ready.push(frameOf(snapshot, now.cursor));
    if (isOver(snapshot.state.status)) this.#phase = 'finishing';
  }

  /** The next frame; undefined at the end. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const frame = this.#ready.shift();
      if (frame !== undefined) return frame;
      if (this.#phase === 'over' || this.#gone.signal.aborted) return undefined;
      await this.#step();
    }
  }

  async #step(): Promise<void> {
    if (this.#phase === 'following') await this.#follow();
    else if (this.#phase === 'finishing') await this.#readPage();
    else {
      this.#ready.push(frameOf({ type: 'end', taskId: this.#task.taskId }, undefined));
      this.#phase = 'over';
    }
  }

  async #follow(): Promise<void> {
    this.#events ??= this.#eventsFrom(this.#cursor);
    const { done, value } = await this.#events.next();
    if (done && this.#startsOver && !this.#gone.signal.aborted) {
      this.#startsOver = false;
      this.#events = undefined;
      await this.#takeSnapshot(await pageAfter(this.#task, undefined));
      return;
    }
    if (done) {
      if (this.#phase === 'following') this.#phase = 'over';
      return;
    }
    this.#tell(value);
    if (mayEnd(value)) await this.#lookWhetherOver();
    // Nobody asks it any more.
    if (this.#phase === 'finishing') this.#unfollow.abort();
  }

  #eventsFrom(after: string | undefined): AsyncIterator<TaskEvent> {
    const { engine, taskId, userId } = this.#task;
    const startsOver = () => {
      this.#startsOver = true;
      return true;
    };
    const agent = agentIn(engine, taskId, userId);
    const how = { after, signal: this.#unfollow.signal };
    const bounds = { mostWaiting: this.#mostWaiting, startsOver, replays: this.#replays };
    return followTask(agent, how, bounds)[Symbol.asyncIterator]();
  }

  async #readPage(): Promise<void> {
    const page = await pageAfter(this.#task, this.#cursor);
    for (const event of page.events) this.#tell(event);
    // Entries that announce nothing are behind us too.
    if (this.#cursor === undefined || isAfter(page.cursor, this.#cursor)) this.#cursor = page.cursor;
    if (!page.more) this.#phase = 'ending';
  }

  #tell(event: TaskEvent): void {
    const { id } = event;
    if (id !== undefined) this.#cursor = id;
    const shown = this.#shown(event);
    if (shown !== null) this.#ready.push(frameOf(shown, id));
    // A cursor alone, so that who comes back is not sent it again.
    else if (id !== undefined) this.#ready.push(`id: ${id}\n\n`);
  }

  /** What cannot be presented is not shown: the next event can be. */
  #shown(event: TaskEvent): TaskEvent | null {
    try {
      return this.#present(event);
    } catch (thrown) {
      const what = describeThrown(thrown).message;
      logTo(this.#task.host.logger, 'error', `present() failed on ${event.type}: ${what}`);
      return null;
    }
  }

  async #lookWhetherOver(): Promise<void> {
    const { engine, taskId, userId } = this.#task;
    const { status } = await engine.lifecycle(taskId, userId).state();
    if (isOver(status)) this.#phase = 'finishing';
  }
}

/** Facts after which a task may have ended. */
function mayEnd({ type, id }: TaskEvent): boolean {
  return id !== undefined && ['task:completed', 'task:error', 'task:stopped'].includes(type);
}

/** JSON has no line breaks of its own. */
function frameOf(event: TaskStreamEvent, id: string | undefined): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
