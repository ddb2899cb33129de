import { TaskExecutionError } from '../errors.js';
import type { NewTask, RunOptions, Task, TaskHost } from '../types.js';
import { Agent, type AgentOptions, ofEngine } from './agent.js';
import { readFrom } from './arguments.js';
import { checkHost } from './check-host.js';
import { createTaskIn } from './create-task.js';
import { drainRuns } from './drain.js';
import { TaskExecutor } from './executor.js';
import { TaskLifecycle } from './lifecycle.js';
import { TaskPersistence } from './persistence.js';
import { addFollower, type LocalFollower, type LocalRun } from './registry.js';

/** Everything of the package with a host of its own: nothing global is read. */
export interface TaskEngine {
  /** A task with the means to run it. */
  executor(taskId: string, userId: string, options?: RunOptions): TaskExecutor;
  /** The commands on a task and the reads of it. */
  lifecycle(taskId: string, userId: string, options?: RunOptions): TaskLifecycle;
  /** What a task has stored. */
  persistence(taskId: string, userId: string): TaskPersistence;
  /** Stores a new task document, of the newer shape, and returns it with its id. */
  createTask(userId: string, task: NewTask): Promise<Task>;
  /** Yields the runs that this engine's objects began, and ends their loops over `events()`. */
  drain(options?: {
    /** How long to wait for them at most, in milliseconds. */
    timeoutMs?: number | undefined;
  }): Promise<void>;
}

/** What an engine does not show. */
interface Inside {
  host: TaskHost;
  /** Has a drain of the engine yield the run. */
  begun(run: LocalRun): void;
  /** Ended when it is drained. */
  followers: Set<LocalFollower>;
}

// By a name, so that every copy of the package in a process knows engines of the others.
const inside: unique symbol = Symbol.for('task-execution-engine/engine-inside') as never;

/** @throws TaskExecutionError INVALID_ARGUMENT for an engine that `createTaskEngine` did not make */
export function insideOf(engine: TaskEngine): Inside {
  const found = (engine as { [inside]?: Inside })[inside];
  if (found === undefined) {
    throw new TaskExecutionError('INVALID_ARGUMENT', 'engine must be one that createTaskEngine() made.');
  }
  return found;
}

/** The work on one task by an engine, whichever copy of the package made it. */
export function agentIn(engine: TaskEngine, taskId: string, userId: string): Agent {
  return new Agent(taskId, userId, { [ofEngine]: insideOf(engine) });
}

/** Has a drain of the process, or of the engine, end what follows a task by it, until what is returned is called. */
export function followedBy(engine: TaskEngine, follower: LocalFollower): () => void {
  return addFollower(follower, insideOf(engine).followers);
}

/**
 * An engine for one host.
 *
 * @throws TaskExecutionError NOT_CONFIGURED where the host has no store
 */
export function createTaskEngine(given: TaskHost): TaskEngine {
  checkHost(given);
  const runs = new Set<LocalRun>();
  const begun = (run: LocalRun) => {
    runs.add(run);
    void run.outcome.then(() => runs.delete(run));
  };
  const ownInside: Inside = { host: given, begun, followers: new Set() };
  const withHost = (options?: RunOptions): AgentOptions =>
    readFrom('options', () => ({ ...options, [ofEngine]: ownInside }));
  const engine: TaskEngine = {
    executor: (taskId, userId, options) => new TaskExecutor(taskId, userId, withHost(options)),
    lifecycle: (taskId, userId, options) => new TaskLifecycle(taskId, userId, withHost(options)),
    persistence: (taskId, userId) => new TaskPersistence(taskId, userId, withHost()),
    createTask: (userId, task) => createTaskIn(given, userId, task),
    drain: (options) => drainRuns([...runs], [...ownInside.followers], options),
  };
  return Object.defineProperty(engine, inside, { value: ownInside });
}
