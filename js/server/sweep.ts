import type { TaskEngine } from '../api/engine.js';
import { TaskExecutionError } from '../errors.js';
import { logTo } from '../log.js';
import { cursorOfTask } from '../stores/task-order.js';
import { describeThrown } from '../values.js';
import { sameSecret } from './digest.js';
import { type Backend, backendFor } from './host.js';
import { lookAt } from './left.js';
import type { RouteRunOptions } from './options.js';
import { problem, Refusal, refusalOf } from './problem.js';
import { RouteRuns } from './runs.js';
import { Standstill } from './standstill.js';

const page = 50;
/** Tasks in progress that one sweep looks at, at most. */
const mostLooked = 2_000;

/** A task that is in progress and that nobody runs. */
export interface UnfinishedTask {
  /** Whose task it is. */
  userId: string;
  /** The task's id. */
  taskId: string;
}

/** Which unfinished tasks to find. */
export interface UnfinishedTasksOptions {
  /** Default: the host of `configureTaskExecution`; a resolver is asked with an empty user id. */
  engine?: TaskEngine | undefined;
  /** Default 100. */
  limit?: number | undefined;
  /** Of one user, at most. Default 5. */
  perUser?: number | undefined;
}

/**
 * Tasks that are in progress without a live owner, of all users, the oldest first: those that a crash, a deployment or a
 * time limit has left. Tasks that only wait for a person are left out, and those that have failed three times in a row
 * at the same place.
 *
 * @throws TaskExecutionError NOT_CONFIGURED where the store cannot list tasks of all users
 */
export async function unfinishedTasks(options: UnfinishedTasksOptions = {}): Promise<UnfinishedTask[]> {
  const found = await find(options, () => true);
  return found.map(({ userId, taskId }) => ({ userId, taskId }));
}

/** `seq`: the last journal entry. */
interface Left extends UnfinishedTask {
  seq: number;
}

async function find(options: UnfinishedTasksOptions, wanted: (task: Left) => boolean): Promise<Left[]> {
  const { limit = 100, perUser = 5 } = options;
  const backend = await backendFor({ userId: '' }, options.engine);
  const { store } = backend.host;
  if (store.tasks === undefined) {
    throw new TaskExecutionError(
      'NOT_CONFIGURED',
      `The store ${store.id} cannot list the tasks of all users.`,
    );
  }
  const found: Left[] = [];
  const ofUser = new Map<string, number>();
  let after: string | undefined;
  for (let looked = 0; looked < mostLooked && found.length < limit; looked += page) {
    const documents = await store.tasks({ status: 'in_progress', order: 'oldest', limit: page, after });
    for (const { path } of documents) {
      const [, userId = '', , taskId = ''] = path.split('/');
      const count = ofUser.get(userId) ?? 0;
      if (found.length >= limit || count >= perUser) continue;
      const task = await left(backend, { userId, taskId });
      if (task === undefined || !wanted(task)) continue;
      found.push(task);
      ofUser.set(userId, count + 1);
    }
    const last = documents.at(-1);
    if (last === undefined || documents.length < page) break;
    after = cursorOfTask(last);
  }
  return found;
}

/** The task, where somebody should go on with it. */
async function left(
  { engine, host }: Backend,
  { userId, taskId }: UnfinishedTask,
): Promise<Left | undefined> {
  try {
    const { standing, seq } = await lookAt({ engine, host }, userId, taskId);
    return standing === 'left' ? { userId, taskId, seq } : undefined;
  } catch (thrown) {
    // One broken task keeps no other from being found.
    logTo(
      host.logger,
      'warn',
      `Task ${taskId} of user ${userId} cannot be read: ${describeThrown(thrown).message}`,
    );
    return undefined;
  }
}

/** What `resumeUnfinished` takes. */
export interface ResumeUnfinishedOptions extends UnfinishedTasksOptions {
  /**
   * What a request has to carry as `Authorization: Bearer …`: at least 16 characters. Without one every request is refused:
   * builds load the module where the environment has none.
   */
  secret: string | undefined;
  /** Begun by one request, at most. Default 10. */
  limit?: number | undefined;
  /** How the runs that it begins go on behind the answer. */
  run?: Pick<RouteRunOptions, 'maxDurationMs' | 'keepAlive'> | undefined;
  /** As of the routes. */
  liveMs?: number | undefined;
}

/**
 * A handler for a timer (Vercel Cron, Cloud Scheduler, cron): finds unfinished tasks and runs them behind the answer, which
 * says how many.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT for a secret that is too short
 */
export function resumeUnfinished(options: ResumeUnfinishedOptions): (request: Request) => Promise<Response> {
  const { secret, limit = 10, run, liveMs } = options;
  const none = secret === undefined || secret === '';
  if (!none && (typeof secret !== 'string' || secret.length < 16)) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      'resumeUnfinished needs a secret of at least 16 characters.',
    );
  }
  const limits = { runningPerUser: Number.POSITIVE_INFINITY };
  const runs = new RouteRuns({ user: () => null, run, liveMs, limits }, undefined);
  const standstill = new Standstill();
  const keyOf = ({ userId, taskId }: UnfinishedTask) => JSON.stringify([userId, taskId]);
  return async (request) => {
    try {
      if (none) {
        throw new TaskExecutionError(
          'NOT_CONFIGURED',
          'resumeUnfinished has no secret: set the variable that you give it, to at least 16 characters.',
        );
      }
      const [, token = ''] = request.headers.get('authorization')?.match(/^bearer\s+(.+)$/i) ?? [];
      if (!(await sameSecret(token, secret)))
        throw new Refusal(401, 'UNAUTHORIZED', 'The secret is not the one.');
      const found = await find({ ...options, limit }, (task) => standstill.allows(keyOf(task), task.seq));
      const begun = await Promise.all(
        found.map(async ({ seq, ...ids }) => {
          standstill.begins(keyOf(ids), seq);
          return runs.wake({ ...(await backendFor(ids, options.engine)), ...ids });
        }),
      );
      return Response.json({ found: found.length, resumed: begun.filter(Boolean).length });
    } catch (thrown) {
      const { refusal, unexpected } = refusalOf(thrown);
      if (unexpected) {
        const backend = await backendFor({ userId: '' }, options.engine).catch(() => undefined);
        const what = `resumeUnfinished failed: ${describeThrown(thrown).message}`;
        logTo(backend === undefined ? console : backend.host.logger, 'error', what);
      }
      return problem(refusal);
    }
  };
}
