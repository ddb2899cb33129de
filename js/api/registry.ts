import { randomWords } from '../platform.js';
import type { TaskHost, TaskOutcome } from '../types.js';

/** Who follows a run. None of these throws. */
export interface RunListener {
  /** An event as JSON text, `type` first. */
  event(json: string): void;
  /** A piece of the assistant's text. `offset`: where in the message it begins, in UTF-16 units. */
  delta(messageId: string, attempt: number, text: string, offset: number): void;
  status(status: string): void;
  /** The last call. `ran` is false for a run that was refused or only began the task: nothing is told of its end. */
  ended(outcome: TaskOutcome, ran: boolean): void;
}

/**
 * A run of this process, as every copy of the package in it sees it: versions that share the registry's name keep to
 * this interface.
 */
export interface LocalRun {
  /** False for one that only begins the task. */
  readonly drives: boolean;
  /** It was told to end. */
  readonly ending: boolean;
  /** By a pause or a stop, and not because the process or an instance leaves it. */
  readonly interrupted?: boolean;
  /** By which command, as long as it has not begun. */
  readonly opening?: 'run' | 'start' | 'resume' | undefined;
  /** The `id` of the last fact that it has told. */
  readonly cursor?: string | undefined;
  /** Settles when it has begun; rejects where it is refused. */
  readonly started: Promise<void>;
  /** Never rejects. */
  readonly outcome: Promise<TaskOutcome>;
  /** Settles when the fact is stored. False: the run ended without obeying. */
  interrupt(command: 'pause' | 'stop', reason?: string): Promise<boolean>;
  yield(reason: 'signal' | 'drain' | 'dispose', grace: boolean): void;
  /** For tests: ends it where it stands, as the death of the process would. */
  crash(): void;
  /** Something is in the inbox. */
  look(): void;
  follow(listener: RunListener): () => void;
}

/** A loop over `events()` of this process, or an event stream, as whoever drains the process sees it. */
export interface LocalFollower {
  /** Tells what is here already and what the run of this process still says, then ends. Reads nothing any more. */
  finish(): void;
  /** The same without the run. */
  end(): void;
}

interface Registry {
  /** Of this registry alone: a lease that one of its runs left behind is known to be nobody's. */
  readonly instance: string;
  readonly runs: Map<string, LocalRun>;
  /** Told of every run that begins. */
  readonly watchers: Set<(key: string, run: LocalRun) => void>;
  readonly followers: Set<LocalFollower>;
  /** How often `reset()` was called, of whichever copy. */
  resets: number;
}

const name = Symbol.for('task-execution-engine/1');
const holder = globalThis as { [name]?: Registry };
// Several copies of the package may be loaded: the first makes it, all use it.
holder[name] ??= lasting(emptyRegistry());
const registry: Registry = holder[name];

function emptyRegistry(): Registry {
  let instance: string | undefined;
  return {
    // Drawn when it is asked for: workers refuse random numbers while a module is loaded.
    get instance() {
      instance ??= randomWords(3)
        .map((n) => n.toString(36))
        .join('');
      return instance;
    },
    runs: new Map(),
    watchers: new Set(),
    followers: new Set(),
    resets: 0,
  };
}

/**
 * Nobody can delete its fields: Jest deletes those of every object on the global one when a test file is over
 * (`globalsCleanup`), while runs that nobody awaited still go on.
 */
function lasting<T extends object>(object: T): T {
  for (const key of Reflect.ownKeys(object)) Object.defineProperty(object, key, { configurable: false });
  return object;
}

/** Names this process, or the realm of it that shares the registry. */
export function instance(): string {
  return registry.instance;
}

/** Names a task across stores. */
export function keyOf(host: TaskHost, userId: string, taskId: string): string {
  return JSON.stringify([host.store.id, userId, taskId]);
}

/** The run of a task in this process. */
export function localRun(key: string): LocalRun | undefined {
  return registry.runs.get(key);
}

/** Every run in this process. */
export function localRuns(): LocalRun[] {
  return [...registry.runs.values()];
}

/** Every run in this process on one store. */
export function localRunsIn(storeId: string): LocalRun[] {
  const prefix = `[${JSON.stringify(storeId)},`;
  return [...registry.runs].flatMap(([key, run]) => (key.startsWith(prefix) ? [run] : []));
}

export function register(key: string, run: LocalRun): void {
  registry.runs.set(key, run);
  for (const watcher of [...registry.watchers]) watcher(key, run);
}

export function unregister(key: string, run: LocalRun): void {
  if (registry.runs.get(key) === run) registry.runs.delete(key);
}

/** Calls back when a run of this task begins in this process; returns what ends that. */
export function onRun(key: string, begun: (run: LocalRun) => void): () => void {
  const watcher = (other: string, run: LocalRun) => {
    if (other === key) begun(run);
  };
  registry.watchers.add(watcher);
  return () => registry.watchers.delete(watcher);
}

/** Everybody who follows a task in this process. */
export function localFollowers(): Set<LocalFollower> {
  return registry.followers;
}

/** Somebody follows a task, in this process and by an engine, until what is returned is called. */
export function addFollower(follower: LocalFollower, ofEngine?: Set<LocalFollower>): () => void {
  const all = [localFollowers(), ofEngine];
  for (const followers of all) followers?.add(follower);
  return () => {
    for (const followers of all) followers?.delete(follower);
  };
}

/** How often everything of this process was reset: what came before is not to be found any more. */
export function resets(): number {
  return registry.resets;
}

/** Counts a reset. */
export function countReset(): void {
  registry.resets += 1;
}
