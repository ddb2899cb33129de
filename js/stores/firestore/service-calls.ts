import { TaskExecutionError } from '../../errors.js';
import type { AbortSignalLike, StoreWrite, TaskStore } from '../../types.js';
import { applyFields, StoreError } from '../documents.js';
import type { TaskDatabaseServiceLike } from './service-structure.js';

/** Fields that the service sets by itself, with every change or with a change of the status. */
const setByService = ['status', 'updated_at', 'started_at', 'completed_at'];

interface Call {
  method: 'updateTaskStatus' | 'updateTask' | 'addMessage';
  args: [userId: string, taskId: string, ...more: unknown[]];
  /** Of a message: it is told once, however often its commit is tried. */
  path?: string;
}

/** Tells a service what a commit writes, in its own terms and in the order in which the service's users wrote it. */
export class ServiceCalls {
  readonly #service: TaskDatabaseServiceLike;
  readonly #store: Pick<TaskStore, 'read'>;
  readonly #told = new Set<string>();

  /** `store` holds what was committed before. */
  constructor(service: TaskDatabaseServiceLike, store: Pick<TaskStore, 'read'>) {
    this.#service = service;
    this.#store = store;
  }

  /** Before it is stored: what the service refuses has not happened. */
  async tell(writes: StoreWrite[], signal: AbortSignalLike | undefined): Promise<void> {
    const calls: Call[] = [];
    for (const write of writes) calls.push(...(await this.#callsFor(write, signal)));
    const wanted = calls.filter(({ method }) => typeof this.#service[method] === 'function');
    if (wanted.length === 0) return;
    await checkVersions(this.#store, writes, signal);
    for (const { method, args, path } of wanted.sort((a, b) => orderOf(a) - orderOf(b))) {
      if (path !== undefined && this.#told.has(path)) continue;
      await called(method, () => this.#service[method]?.(...(args as [any, any, any, any])));
      if (path !== undefined) this.#told.add(path);
    }
  }

  async #callsFor(write: StoreWrite, signal: AbortSignalLike | undefined): Promise<Call[]> {
    const ids = idsOf(write?.path);
    if (ids === undefined) return [];
    const { userId, taskId } = ids;
    if (ids.messageId !== undefined) {
      if (write.op !== 'create') return [];
      const { role, content, metadata } = write.data as Record<string, unknown>;
      const rest = metadata === undefined || metadata === null ? [] : [metadata];
      return [{ method: 'addMessage', args: [userId, taskId, role, content, ...rest], path: write.path }];
    }
    if (write.op !== 'update' || !Array.isArray(write.fields)) return [];
    const names = new Set(write.fields.map(({ path }) => path?.[0] as string));
    const [stored] = await this.#store.read([write.path], { signal });
    const data = stored?.data ?? {};
    applyFields(data, write.fields);
    const changed = [...names].filter((name) => !setByService.includes(name) && name in data);
    const updates = Object.fromEntries(changed.map((name) => [name, data[name]]));
    return [
      ...(changed.length > 0
        ? [{ method: 'updateTask' as const, args: [userId, taskId, updates] as Call['args'] }]
        : []),
      ...(names.has('status')
        ? [{ method: 'updateTaskStatus' as const, args: [userId, taskId, data.status] as Call['args'] }]
        : []),
    ];
  }
}

/** A beginning is told before what comes of it, an end after it. */
function orderOf({ method, args }: Call): number {
  if (method === 'updateTaskStatus') return args[2] === 'in_progress' ? 0 : 3;
  return method === 'addMessage' ? 1 : 2;
}

/** The ids in the path of a task, or of a message of its thread. */
export function idsOf(path: unknown): { userId: string; taskId: string; messageId?: string } | undefined {
  const [users, userId, tasks, taskId, messages, messageId, ...rest] =
    typeof path === 'string' ? path.split('/') : [];
  if (users !== 'users' || !userId || tasks !== 'tasks' || !taskId) return undefined;
  if (messages === undefined) return { userId, taskId };
  return messages === 'messages' && messageId && rest.length === 0
    ? { userId, taskId, messageId }
    : undefined;
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

/** What the service answered, or what it threw as the store contract has it. */
export async function called(method: string, call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (cause) {
    // a service that knows the codes says by them whether another try is worth it
    if (TaskExecutionError.is(cause)) throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError('unavailable', `The task service's ${method} failed: ${said}`, { cause });
  }
}
