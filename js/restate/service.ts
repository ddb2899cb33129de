import type { ObjectContext, ObjectSharedContext } from '@restatedev/restate-sdk/fetch';
import { backendFor } from '../server/host.js';
import type { TaskState } from '../types.js';
import { type CommandName, commands, inputOf } from './commands.js';
import { asStep, conflict, objectOptions } from './errors.js';
import { idsOfKey, settingsOf, type TaskServiceOptions } from './options.js';
import { placesObject } from './places.js';
import { schedulesObject } from './schedules.js';
import { sdkOf } from './sdk.js';
import { type SupervisedEnd, type Supervision, Supervisor, wakeKey } from './supervise.js';
import { WorkerPlaces } from './worker-places.js';

/** A service as `restate.serve({ services })` and every other endpoint of Restate's SDK takes it. */
export interface RestateService {
  /** The name that Restate knows it by. */
  name: string;
}

/** For a place in this process: well below what is left of Restate's patience with a slice. */
const placeWaitMs = 5_000;

/** Commands after which somebody has to run the task, whatever Restate knows of it. */
const begins: readonly CommandName[] = ['start', 'resume'];

type Run = { run(ctx: ObjectContext, input: Supervision): Promise<SupervisedEnd | undefined> };

/**
 * Tasks as virtual objects of Restate, keyed `userId/taskId`: Restate decides that someone runs a task, where, and when
 * again; the task's journal says what has been done, and its lease who may write. The tasks' own object comes first, then
 * the places of users and the schedules: serve all of them, from any number of workers.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT
 */
export function taskService(options: TaskServiceOptions): RestateService[] {
  const sdk = sdkOf(options?.restate);
  const { handlers, object } = sdk;
  const settings = settingsOf(options);
  const { name, sliceMs, perUser, atOnce } = settings;
  const placesName = `${name}Places`;
  const worker = new WorkerPlaces(atOnce, placeWaitMs);
  // Restate hears nothing of a slice under way: it is to suspend what waits, and no slice.
  const patience = { inactivityTimeout: sliceMs + 15_000, abortTimeout: sliceMs + 60_000 };

  const idsOf = ({ key }: { key: string }) => asStep(sdk, () => idsOfKey(key));

  const run = handlers.object.exclusive(
    patience,
    async (ctx: ObjectContext, input: Supervision | undefined): Promise<SupervisedEnd | undefined> => {
      const work = { sdk, options, settings, worker, placesName };
      return new Supervisor(ctx, await idsOf(ctx), work, input ?? {}).run();
    },
  );

  /** Has the task run that nobody runs; whoever waits for it goes on. */
  const wake = async (ctx: ObjectSharedContext, mustRun: boolean): Promise<void> => {
    const awakeable = await ctx.get<string>(wakeKey);
    if (awakeable !== null) ctx.resolveAwakeable(awakeable);
    // One that ended without a word may have left its mark.
    if (awakeable === null || mustRun) ctx.objectSendClient<Run>({ name }, ctx.key).run({});
  };
  // Read when it is asked for: the state as it was when the command came may be older than the task's journal.
  const { shared } = handlers.object;
  const lazy = { enableLazyState: true } as const;
  const command = (which: CommandName) =>
    shared(lazy, async (ctx: ObjectSharedContext, input: unknown): Promise<void> => {
      const ids = await idsOf(ctx);
      try {
        await ctx.run(which, () =>
          asStep(sdk, async () => {
            const { engine } = await backendFor(ids, options.engine);
            await commands[which](engine.lifecycle(ids.taskId, ids.userId), inputOf(input));
          }),
        );
      } catch (thrown) {
        // It may be the repetition of one that was stored while its answer was lost, and has woken nobody yet.
        if (thrown instanceof sdk.TerminalError && thrown.code === conflict) await wake(ctx, false);
        throw thrown;
      }
      await wake(ctx, begins.includes(which));
    });

  const tasks = object({
    name,
    options: objectOptions,
    handlers: {
      run,
      start: command('start'),
      resume: command('resume'),
      pause: command('pause'),
      stop: command('stop'),
      approve: command('approve'),
      reject: command('reject'),
      answer: command('answer'),
      send: command('send'),
      wake: shared(lazy, (ctx: ObjectSharedContext): Promise<void> => wake(ctx, false)),
      state: shared(lazy, async (ctx: ObjectSharedContext): Promise<TaskState> => {
        const ids = await idsOf(ctx);
        return asStep(sdk, async () => {
          const { engine } = await backendFor(ids, options.engine);
          return engine.lifecycle(ids.taskId, ids.userId).state();
        });
      }),
    },
  });
  const leaseMs = 2 * sliceMs + 60_000;
  return [
    tasks,
    placesObject(sdk, placesName, perUser, leaseMs),
    schedulesObject(sdk, `${name}Schedules`, name, options),
  ];
}
