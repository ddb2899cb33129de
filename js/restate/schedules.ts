import type { ObjectContext } from '@restatedev/restate-sdk/fetch';
import { TaskExecutionError } from '../errors.js';
import { backendFor } from '../server/host.js';
import type { NewTask } from '../types.js';
import { asStep, objectOptions } from './errors.js';
import { idsOfKey, keyOfIds, type SupervisionOptions } from './options.js';
import type { Sdk } from './sdk.js';

/** When tasks begin, and what is made then. */
export interface Schedule {
  /** The first time: ISO 8601 or milliseconds since 1970. Default: now, or one `every` from now. */
  at?: string | number;
  /** Again and again, milliseconds: at least 1,000. Times that have passed are left out. */
  every?: number;
  /** What a task is made of each time. Its id is the schedule's, with a number. */
  task: NewTask;
}

interface Stored {
  schedule: Schedule;
  next: number;
  count: number;
  /** Of `set()`: what was planned before it is void. */
  version: number;
}

const stored = 'schedule';
const version = 'version';
type Start = { start(ctx: unknown, input: object): Promise<void> };
type Schedules = { fire(ctx: ObjectContext, version: number): Promise<void> };

/** Tasks that begin later, or again, keyed by `userId/scheduleId`. */
export function schedulesObject(sdk: Sdk, name: string, tasksName: string, options: SupervisionOptions) {
  const { handlers, object, rpc } = sdk;
  const plan = (ctx: ObjectContext, { next, version }: Stored, now: number) => {
    ctx
      .objectSendClient<Schedules>({ name }, ctx.key)
      .fire(version, rpc.sendOpts({ delay: Math.max(0, next - now) }));
  };
  const { exclusive, shared } = handlers.object;
  return object({
    name,
    options: objectOptions,
    handlers: {
      set: exclusive(async (ctx: ObjectContext, schedule: Schedule): Promise<{ next: string }> => {
        const now = await ctx.date.now();
        const next = await asStep(sdk, () => firstOf(schedule, now));
        const planned: Stored = {
          schedule,
          next,
          count: 0,
          version: ((await ctx.get<number>(version)) ?? 0) + 1,
        };
        ctx.set(version, planned.version);
        ctx.set(stored, planned);
        plan(ctx, planned, now);
        return { next: new Date(next).toISOString() };
      }),
      cancel: exclusive(async (ctx: ObjectContext): Promise<void> => {
        // What fires later finds nothing.
        ctx.clear(stored);
      }),
      fire: exclusive(
        { ingressPrivate: true },
        async (ctx: ObjectContext, planned: number): Promise<void> => {
          const current = await ctx.get<Stored>(stored);
          if (current === null || current.version !== planned) return;
          const { userId, taskId: scheduleId } = await asStep(sdk, () => idsOfKey(ctx.key));
          const { schedule } = current;
          const count = current.count + 1;
          // By a version too: a schedule that was set anew makes new tasks.
          const id = `${scheduleId}-${current.version}-${count}`;
          // The next time first: a task that cannot be made ends no schedule.
          if (schedule.every === undefined) {
            ctx.clear(stored);
          } else {
            const now = await ctx.date.now();
            const missed = Math.max(0, Math.floor((now - current.next) / schedule.every));
            const again = { ...current, count, next: current.next + (missed + 1) * schedule.every };
            ctx.set(stored, again);
            plan(ctx, again, now);
          }
          await ctx.run('create', () =>
            asStep(sdk, async () => {
              const { engine } = await backendFor({ userId }, options.engine);
              await engine.createTask(userId, { ...schedule.task, id });
            }),
          );
          ctx.objectSendClient<Start>({ name: tasksName }, keyOfIds({ userId, taskId: id })).start({});
        },
      ),
      get: shared(async (ctx): Promise<{ next: string; count: number } | null> => {
        const current = await ctx.get<Stored>(stored);
        return current && { next: new Date(current.next).toISOString(), count: current.count };
      }),
    },
  });
}

function firstOf({ at, every, task }: Schedule, now: number): number {
  if (typeof task?.title !== 'string') throw refused('task needs a title, as createTask() takes it');
  if (every !== undefined && !(Number.isFinite(every) && every >= 1_000)) {
    throw refused('every must be milliseconds from 1,000 on');
  }
  if (at === undefined) return now + (every ?? 0);
  const time = typeof at === 'number' ? at : Date.parse(at);
  if (!Number.isFinite(time)) throw refused('at must be ISO 8601 or milliseconds since 1970');
  return time;
}

function refused(what: string): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `The schedule cannot be set: ${what}.`);
}
