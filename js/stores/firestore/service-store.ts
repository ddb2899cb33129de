import { TaskExecutionError } from '../../errors.js';
import type { AbortSignalLike, FieldUpdate, StoreWrite, TaskStore } from '../../types.js';
import { checkDocumentPath, StoreError } from '../documents.js';
import { memoryStore } from '../memory.js';
import type { TaskDatabaseServiceLike } from './service-structure.js';

/**
 * A store for specs: tasks come from the service's `getTask`, status changes go to its `updateTaskStatus`, everything
 * else stays in memory. A mock answers the same for ever, so that only what differs from the answer before counts as a
 * change from outside.
 */
export function serviceStore(service: TaskDatabaseServiceLike): TaskStore {
  // no watch: what others do is seen by asking
  const { watch: _, ...memory } = memoryStore();
  const answers = new Map<string, Record<string, unknown> | null>();
  let last: Promise<void> = Promise.resolve();

  const look = async (path: string): Promise<void> => {
    const ids = idsOf(path);
    if (ids === undefined) {
      return;
    }
    const answer = await called('getTask', () => service.getTask(ids.userId, ids.taskId), dataOf);
    const before = answers.get(path) ?? null;
    answers.set(path, answer);
    const [stored] = await memory.read([path]);
    if (answer === null) {
      if (before !== null && stored) {
        await memory.commit([{ op: 'delete', path }]);
      }
    } else if (!stored) {
      await memory.commit([{ op: 'create', path, data: answer }]);
    } else {
      const fields = differences(before ?? {}, answer).filter(
        ({ path: [name], value }) => !same(stored.data[name as string], value),
      );
      if (fields.length > 0) {
        await memory.commit([{ op: 'update', path, fields }]);
      }
    }
  };

  /** Tells the service of a new status, before it is stored here: what it refuses has not happened. */
  const tell = async (writes: StoreWrite[], signal: AbortSignalLike | undefined): Promise<void> => {
    for (const write of writes) {
      const ids = write?.op === 'update' ? idsOf(write.path) : undefined;
      const status = write?.op === 'update' && statusOf(write.fields);
      if (ids !== undefined && status && service.updateTaskStatus !== undefined) {
        await checkVersions(memory, writes, signal);
        await called(
          'updateTaskStatus',
          () => service.updateTaskStatus?.(ids.userId, ids.taskId, status),
          () => undefined,
        );
      }
    }
  };

  return {
    ...memory,
    async read(paths, options) {
      paths.forEach(checkDocumentPath);
      // one after the other: two that look at once would both create what neither found
      const looking = last.then(async () => {
        for (const path of new Set(paths)) {
          await look(path);
        }
      });
      last = looking.catch(() => {});
      await looking;
      return memory.read(paths, options);
    },
    async commit(writes, options) {
      if (Array.isArray(writes)) {
        await tell(writes, options?.signal);
      }
      return memory.commit(writes, options);
    },
  };
}

async function checkVersions(
  store: Pick<TaskStore, 'read'>,
  writes: StoreWrite[],
  signal: AbortSignalLike | undefined,
): Promise<void> {
  for (const write of writes) {
    if (write.op !== 'create' && write.ifVersion !== undefined) {
      const [stored] = await store.read([write.path], { signal });
      if (stored?.version !== write.ifVersion) {
        throw new StoreError('conflict', `${write.path} has changed since it was read.`);
      }
    }
  }
}

function idsOf(path: unknown): { userId: string; taskId: string } | undefined {
  const [users, userId, tasks, taskId, ...rest] = typeof path === 'string' ? path.split('/') : [];
  return users === 'users' && userId && tasks === 'tasks' && taskId && rest.length === 0
    ? { userId, taskId }
    : undefined;
}

function statusOf(fields: FieldUpdate[]): unknown {
  return fields.find(({ path, delete: remove }) => path.length === 1 && path[0] === 'status' && !remove)
    ?.value;
}

/** What the service threw or answered, as the store contract has it. */
async function called<T>(method: string, call: () => unknown, read: (answer: unknown) => T): Promise<T> {
  let answer: unknown;
  try {
    answer = await call();
  } catch (cause) {
    // a service that knows the codes says by them whether another try is worth it
    if (TaskExecutionError.is(cause)) throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError('unavailable', `The task service's ${method} failed: ${said}`, { cause });
  }
  return read(answer);
}

/** The task as a document: without the id that the service adds, and without what JSON does not have. */
function dataOf(answer: unknown): Record<string, unknown> | null {
  if (answer === null || answer === undefined) {
    return null;
  }
  let task: unknown;
  try {
    task = JSON.parse(JSON.stringify(answer));
  } catch (cause) {
    throw new StoreError('invalid', "What the task service's getTask answered has no JSON form.", { cause });
  }
  if (task === null || typeof task !== 'object' || Array.isArray(task)) {
    throw new StoreError(
      'invalid',
      `The task service's getTask must answer a task or null, not ${typeof answer}.`,
    );
  }
  const { id: __, ...data } = task as Record<string, unknown>;
  return data;
}

function differences(before: Record<string, unknown>, now: Record<string, unknown>): FieldUpdate[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return names
    .filter((name) => !same(before[name], now[name]))
    .map((name) => (name in now ? { path: [name], value: now[name] } : { path: [name], delete: true }));
}

/** Of JSON values; the order of fields counts, which errs on the side of a change. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
