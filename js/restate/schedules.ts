import type { ObjectContext } from '@restatedev/restate-sdk/fetch';
import { TaskExecutionError } from '../errors.js';
import { checkId } from '../ids.js';
import { logTo } from '../log.js';
import { type Backend, backendFor } from '../server/host.js';
import type { NewTask } from '../types.js';
import { asStep, objectOptions } from './errors.js';
import { idsOfKey, keyOfIds, type SupervisionOptions } from './options.js';
import type { Sdk } from './sdk.js';
import { checkTemplate } from './template.js';

/** When tasks begin, and what is made then. */
export interface Schedule {
  /**
   * The first time: ISO 8601 with its time zone, or milliseconds since 1970. One that has passed is now. Default: now, or one
   * `every` from now.
   */
  at?: string | number;
  /**
   * Again and again, milliseconds: at least 1,000. Times that have passed are left out. A day of it is 24 hours, in the nights
   * when clocks are changed too.
   */
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

const longestMs = 100 * 365.25 * 24 * 60 * 60_000;
/** A day is one of UTC; a time without a zone would be another one on each worker. */
const isoTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/i;
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
        const number = ((await ctx.get<number>(version)) ?? 0) + 1;
        const next = await asStep(sdk, () => firstOf(schedule, now));
        await ctx.run('check', () =>
          asStep(sdk, async () => {
            const { userId, taskId: scheduleId } = idsOfKey(ctx.key);
            checkId('userId', userId);
            const id = idOfTask(scheduleId, number, Number.MAX_SAFE_INTEGER);
            checkId('scheduleId', id);
            const { host } = await backendFor({ userId }, options.engine);
            // What would be refused at each firing is told to whoever sets it.
            await checkTemplate(host, userId, { ...schedule.task, id });
          }),
        );
        const planned: Stored = { schedule, next, count: 0, version: number };
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
          const id = idOfTask(scheduleId, current.version, count);
          // The next time first: a task that cannot be made ends no schedule.
          if (schedule.every === undefined) {
            ctx.clear(stored);
          } else {
            const now = await ctx.date.now();
            const missed = Math.max(0, Math.floor((now - current.next) / schedule.every));
            const again = {
              ...current,
              count,
              next: Math.round(current.next + (missed + 1) * schedule.every),
            };
            ctx.set(stored, again);
            plan(ctx, again, now);
          }
          await ctx.run('create', () =>
            asStep(sdk, () => make({ key: ctx.key, userId, task: { ...schedule.task, id } }, options)),
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

/** Nobody waits for a firing: one that is refused is told to the host's logger. */
async function make(
  { key, userId, task }: { key: string; userId: string; task: NewTask },
  { engine: given }: SupervisionOptions,
): Promise<void> {
  let backend: Backend | undefined;
  try {
    backend = await backendFor({ userId }, given);
    await backend.engine.createTask(userId, task);
  } catch (thrown) {
    // Restate repeats the others.
    if (TaskExecutionError.is(thrown) && !thrown.retryable) {
      const { code, message } = thrown;
      const what = `Schedule ${key} made no task ${task.id}: ${message} (${code})`;
      logTo(backend === undefined ? console : backend.host.logger, 'error', what);
    }
    throw thrown;
  }
}

/** By a version too: a schedule that was set anew makes new tasks. */
function idOfTask(scheduleId: string, version: number, count: number): string {
  return `${scheduleId}-${version}-${count}`;
}

function firstOf(schedule: unknown, now: number): number {
  const { at, every, task } = (schedule ?? {}) as Partial<Schedule>;
  if (typeof task !== 'object' || task === null) throw refused('task must be what createTask() takes');
  if (every !== undefined && !(Number.isFinite(every) && every >= 1_000 && every <= longestMs)) {
    throw refused(`every must be milliseconds from 1,000 to ${longestMs}, a hundred years`);
  }
  if (at === undefined) return now + Math.round(every ?? 0);
  const time = typeof at === 'string' && isoTime.test(at) ? Date.parse(at) : at;
  if (typeof time !== 'number' || !(Math.abs(time - now) <= longestMs)) {
    throw refused(
      'at must be ISO 8601 with its time zone (2027-03-01T09:00:00Z, or +01:00 in place of Z) or milliseconds since 1970, ' +
        'within a hundred years',
    );
  }
  return Math.round(time);
}

function refused(what: string): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `The schedule cannot be set: ${what}.`);
}
