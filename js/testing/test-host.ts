import { createTaskEngine, type TaskEngine } from '../api/engine.js';
import type { TaskExecutor } from '../api/executor.js';
import { localRunsIn } from '../api/registry.js';
import { type VirtualClock, virtualClock } from '../clock.js';
import { memoryStore } from '../stores/memory.js';
import type {
  ConverseRequest,
  DisposableLike,
  RunOptions,
  TaskEvent,
  TaskHost,
  TaskStore,
} from '../types.js';
import { generator } from './generator.js';
import { realWork } from './real-work.js';
import { scriptedModel, type Turn } from './scripted-model.js';
import { type TestTask, testTask } from './test-task.js';

/** What `createTestHost` takes: the script, and whatever of a host the test is about. */
export interface TestHostOptions
  extends Pick<TaskHost, 'tools' | 'prompt' | 'approval' | 'defaults' | 'logger' | 'onListenerError'> {
  /** What the model says, request by request; or a function that answers every request. */
  turns: Turn[] | ((request: ConverseRequest) => Turn);
  /** The task: a plan as `createTask` takes it, or fields of a stored document. Default: one item without a plan. */
  task?: TestTask | undefined;
}

/** A task with everything that it needs to run, in memory, on a clock of its own. */
export interface TestHost extends DisposableLike {
  /** What the engine is given. `createTaskEngine({ ...host, store: faultyStore(host.store, …) })` runs it with faults. */
  readonly host: TaskHost;
  /** The engine of the host. */
  readonly engine: TaskEngine;
  /** Of the task that was made. Default 'task'. */
  readonly taskId: string;
  /** Of its owner. Default 'user'. */
  readonly userId: string;
  /** A new executor of the task; `events` has what it emits. */
  executor(options?: RunOptions): TaskExecutor;
  /** What the executors made here have emitted, in order. */
  readonly events: TaskEvent[];
  /** Copies of the requests that the model got. */
  readonly requests: ConverseRequest[];
  /** The store of the host, in memory. */
  readonly store: TaskStore;
  /** The time of the engine, the store and the model. */
  readonly clock: VirtualClock;
  /**
   * As if the process died here: every run ends where it stands, with the outcome `interrupted` and the code
   * ENGINE_PANIC, and stores nothing more. Executors take the task up again as they would in a new process.
   */
  crash(): void;
  /**
   * To be called at the end of a test, or by `using`.
   *
   * @throws Error where turns are left over or were missing, or a run is still under way
   */
  done(): void;
}

/**
 * A host for one test: a task in a memory store, a scripted model, and a clock that stands still while something can
 * happen and else jumps to the next timer, so that no test waits. What a listener throws is thrown again, which test
 * runners report as an uncaught error.
 */
export function createTestHost(options: TestHostOptions): TestHost {
  const { turns, task: given = {}, defaults, logger, tools, prompt, approval } = options;
  const work = realWork();
  const clock = virtualClock({ underWay: work.underWay });
  const task = testTask(given, clock.now());
  const store = memoryStore({ tasks: [task], now: clock.now });
  const model = scriptedModel(turns, { clock });
  const events: TaskEvent[] = [];
  const host: TaskHost = {
    store,
    model,
    clock,
    ...work.watching({ tools, prompt, approval }),
    defaults,
    logger,
    random: generator(1),
    onListenerError: options.onListenerError ?? rethrow,
  };
  const engine = createTaskEngine(host);
  const { id: taskId, user_id: userId } = task;
  const done = () => {
    const running = localRunsIn(store.id).length;
    if (running > 0)
      throw new Error(`createTestHost: ${running} run(s) still under way: await their outcome.`);
    model.assertDone();
  };
  return {
    host,
    engine,
    taskId,
    userId,
    executor: (runOptions) => recorded(engine.executor(taskId, userId, runOptions), events),
    events,
    requests: model.requests,
    store,
    clock,
    crash() {
      for (const run of localRunsIn(store.id)) run.crash();
    },
    done,
    // Where the platform has no Symbol.dispose there is no `using` either.
    ...(typeof Symbol.dispose === 'symbol' && { [Symbol.dispose]: done }),
  } as TestHost;
}

function rethrow(error: unknown): never {
  throw error;
}

/** Everything goes through `emit`, so that events are seen that nobody listens to. */
function recorded(executor: TaskExecutor, events: TaskEvent[]): TaskExecutor {
  const emit = executor.emit.bind(executor);
  Object.defineProperty(executor, 'emit', {
    configurable: true,
    writable: true,
    value(name: string | symbol, ...args: unknown[]): boolean {
      if (typeof name === 'string' && name.startsWith('task:')) {
        events.push({ type: name, ...(args[0] as object) } as TaskEvent);
      }
      return emit(name, ...args);
    },
  });
  return executor;
}
