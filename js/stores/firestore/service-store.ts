import { resets } from '../../api/registry.js';
import type { FieldUpdate, TaskStore } from '../../types.js';
import { checkDocumentPath, StoreError } from '../documents.js';
import { memoryStore } from '../memory.js';
import { called, idsOf, ServiceCalls } from './service-calls.js';
import type { TaskDatabaseServiceLike } from './service-structure.js';

/**
 * A store for specs: tasks come from the service's `getTask`; statuses, fields of the task and messages go to its
 * `updateTaskStatus`, `updateTask` and `addMessage`; everything else stays in memory, until `reset()`.
 */
export function serviceStore(service: TaskDatabaseServiceLike): TaskStore {
  // no watch: what others do is seen by asking
  const { watch: _, ...first } = memoryStore();
  let current = new ServiceMemory(service, first);
  let made = resets();
  /** A call that began before a reset ends on what was there then. */
  const memory = (): ServiceMemory => {
    if (made !== resets()) {
      made = resets();
      current = new ServiceMemory(service, memoryStore());
    }
    return current;
  };
  return {
    ...first,
    read: (paths, options) => memory().read(paths, options),
    commit: (writes, options) => memory().commit(writes, options),
    list: (collection, options) => memory().store.list(collection, options),
    tasks: async (query) => (await memory().store.tasks?.(query)) ?? [],
  };
}

type Task = Record<string, unknown>;

/** What is known of the service's tasks. */
class ServiceMemory {
  readonly store: TaskStore;
  readonly #service: TaskDatabaseServiceLike;
  readonly #calls: ServiceCalls;
  /** What the service answered last, by path. */
  readonly #answers = new Map<string, Task | null>();
  #last: Promise<void> = Promise.resolve();

  constructor(service: TaskDatabaseServiceLike, store: TaskStore) {
    this.#service = service;
    this.store = store;
    this.#calls = new ServiceCalls(service, store);
  }

  async read(paths: string[], options: Parameters<TaskStore['read']>[1]) {
    paths.forEach(checkDocumentPath);
    // one after the other: two that look at once would both create what neither found
    const looking = this.#last.then(async () => {
      for (const path of new Set(paths)) await this.#look(path);
    });
    this.#last = looking.catch(() => {});
    await looking;
    return this.store.read(paths, options);
  }

  async commit(writes: Parameters<TaskStore['commit']>[0], options: Parameters<TaskStore['commit']>[1]) {
    if (Array.isArray(writes)) await this.#calls.tell(writes, options?.signal);
    return this.store.commit(writes, options);
  }

  /**
   * A mock answers the same for ever: only what differs from the answer before counts as a change from outside. One that
   * has run out of answers says nothing, where a service says null.
   */
  async #look(path: string): Promise<void> {
    const ids = idsOf(path);
    if (ids === undefined || ids.messageId !== undefined) return;
    const said = await called('getTask', () => this.#service.getTask(ids.userId, ids.taskId));
    const before = this.#answers.get(path) ?? null;
    const answer = said === undefined ? before : dataOf(said);
    this.#answers.set(path, answer);
    const [stored] = await this.store.read([path]);
    if (answer === null) {
      if (before !== null && stored) await this.store.commit([{ op: 'delete', path }]);
    } else if (!stored) {
      await this.store.commit([{ op: 'create', path, data: answer }]);
    } else {
      const fields = differences(before ?? {}, answer).filter(
        ({ path: [name], value }) => !same(stored.data[name as string], value),
      );
      if (fields.length > 0) await this.store.commit([{ op: 'update', path, fields }]);
    }
  }
}

/** The task as a document: without the id that the service adds, and without what JSON does not have. */
function dataOf(answer: unknown): Task | null {
  if (answer === null) return null;
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
  const { id: _, ...data } = task as Task;
  return data;
}

function differences(before: Task, now: Task): FieldUpdate[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return names
    .filter((name) => !same(before[name], now[name]))
    .map((name) => (name in now ? { path: [name], value: now[name] } : { path: [name], delete: true }));
}

/** Of JSON values; the order of fields counts, which errs on the side of a change. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
