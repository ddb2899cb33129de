import type { TaskClient, TaskListQuery } from '../client/client.js';
import type { TaskList } from '../server/listing.js';
import type { TaskView } from '../server/view.js';
import type { NewTask } from '../types.js';
import type { TaskProblem } from './live-task.js';
import { problemOf } from './task-store.js';

/** What `useTasks` takes. */
export interface UseTasksOptions extends Pick<TaskListQuery, 'status' | 'search' | 'limit'> {
  /** How often the list is read again while the page can be seen, in milliseconds. Default 5,000; Infinity: never. */
  refreshMs?: number | undefined;
  /** What a server component has read, for the first HTML. */
  initial?:
    | {
        /** The first page, the newest first. */
        tasks: TaskView[];
        /** How many match. */
        total?: number;
        /** What the list answered, for the tasks before these; absent at the end. */
        before?: string;
      }
    | undefined;
}

/** What `useTasks` returns. */
export interface UsedTasks {
  /** The newest first. Those of the query before, until those of a new one are there. */
  tasks: TaskView[];
  /** How many match; undefined until that is known. */
  total: number | undefined;
  /** The tasks of this query have not come yet. */
  loading: boolean;
  /** Why the list could not be read the last time. */
  error: TaskProblem | undefined;
  /** There are older ones. */
  hasMore: boolean;
  /** Adds older ones. */
  loadMore(): Promise<void>;
  /** Reads the list again. Never rejects: see `error`. */
  refresh(): Promise<void>;
  /** Makes a task; it is in the list at once. */
  create(task: NewTask): Promise<TaskView>;
  /** Deletes a task; it is out of the list at once. */
  remove(id: string): Promise<void>;
}

type Query = Pick<UseTasksOptions, 'status' | 'search' | 'limit'>;
type Known = Pick<UsedTasks, 'tasks' | 'total' | 'loading' | 'error'> & { before: string | undefined };
/**
 * What this page has changed since the server was asked, so that its answer may not know: the tasks that it made, by their
 * ids, and undefined for those that it removed.
 */
type Since = Map<string, TaskView | undefined>;

/** The list of one part of a page. */
export class ListStore {
  readonly #client: TaskClient;
  readonly #listeners = new Set<() => void>();
  #query: Query;
  #known: Known;
  #shown: UsedTasks | undefined;
  #reading: { gone: AbortController; query: Query; done: Promise<void> } | undefined;
  /** Of each answer that is waited for. */
  readonly #asked = new Set<Since>();
  /** Those of which the server has not said yet that they are gone. */
  readonly #removing = new Set<string>();
  /** What is shown when a page takes over the first HTML. */
  readonly serverView: UsedTasks;

  constructor(client: TaskClient, query: Query, initial: UseTasksOptions['initial']) {
    this.#client = client;
    this.#query = query;
    const { tasks = [], total, before } = initial ?? {};
    this.#known = { tasks, total, before, loading: initial === undefined, error: undefined };
    this.serverView = this.view();
  }

  readonly view = (): UsedTasks => {
    const { before, ...known } = this.#known;
    this.#shown ??= {
      ...known,
      hasMore: before !== undefined,
      loadMore: this.#loadMore,
      refresh: this.refresh,
      create: this.#create,
      remove: this.#remove,
    };
    return this.#shown;
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#reading?.gone.abort();
      this.#reading = undefined;
    };
  };

  /** Asks another query; what was shown stays until its answer is there. */
  ask(query: Query): void {
    const isOther = (['status', 'search', 'limit'] as const).some(
      (field) => this.#query[field] !== query[field],
    );
    if (!isOther) return;
    this.#query = query;
    this.#set({ loading: true });
    void this.refresh();
  }

  readonly refresh = (): Promise<void> => {
    const query = this.#query;
    // One answer that takes its time is waited for, not asked for again and again.
    if (this.#reading?.query === query) return this.#reading.done;
    this.#reading?.gone.abort();
    const gone = new AbortController();
    const reading = { gone, query, done: Promise.resolve() };
    this.#reading = reading;
    reading.done = this.#read(query, gone.signal).finally(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    return reading.done;
  };

  async #read(query: Query, signal: AbortSignal): Promise<void> {
    const { limit = 50 } = query;
    const { loading, tasks: shown } = this.#known;
    // As many as are shown, where one request can bring them.
    const wanted = loading ? limit : Math.min(Math.max(limit, shown.length), 100);
    const since = this.#since();
    try {
      const answer = amended(await this.#client.list({ ...query, limit: wanted, signal }), since);
      if (signal.aborted) return;
      const rest = loading ? [] : olderThan(answer, this.#known.tasks);
      this.#set({
        tasks: [...answer.tasks, ...rest],
        total: answer.total,
        before: rest.length > 0 ? this.#known.before : answer.before,
        loading: false,
        error: undefined,
      });
    } catch (thrown) {
      if (!signal.aborted) this.#set({ error: problemOf(thrown), loading: false });
    } finally {
      this.#asked.delete(since);
    }
  }

  #since(): Since {
    const since: Since = new Map([...this.#removing].map((id) => [id, undefined]));
    this.#asked.add(since);
    return since;
  }

  #changed(id: string, made?: TaskView): void {
    for (const since of this.#asked) since.set(id, made);
    const { tasks, total } = this.#known;
    const others = tasks.filter((task) => task.id !== id);
    const more = (made ? 1 : 0) - (tasks.length - others.length);
    if (!made && more === 0) return;
    this.#set({
      tasks: made ? [made, ...others] : others,
      ...(total !== undefined && { total: total + more }),
    });
  }

  readonly #loadMore = async (): Promise<void> => {
    const { before } = this.#known;
    if (before === undefined) return;
    const query = this.#query;
    const since = this.#since();
    try {
      const list = await this.#client.list({ ...query, before });
      if (this.#query !== query || this.#known.before !== before) return;
      const others = new Set([...this.#known.tasks.map(({ id }) => id), ...since.keys()]);
      const tasks = [...this.#known.tasks, ...list.tasks.filter(({ id }) => !others.has(id))];
      // Whether it counts what has changed since it does not tell: that is not among its tasks.
      const total = since.size > 0 ? this.#known.total : list.total;
      this.#set({ tasks, total, before: list.before, error: undefined });
    } catch (thrown) {
      this.#set({ error: problemOf(thrown) });
    } finally {
      this.#asked.delete(since);
    }
  };

  readonly #create = async (task: NewTask): Promise<TaskView> => {
    const made = await this.#client.create(task);
    this.#changed(made.id, made);
    return made;
  };

  readonly #remove = async (id: string): Promise<void> => {
    this.#removing.add(id);
    this.#changed(id);
    try {
      await this.#client.task(id).delete();
    } catch (thrown) {
      this.#removing.delete(id);
      // Anew: the server may have removed it and not have been able to say so, after the reading under way.
      this.#reading?.gone.abort();
      this.#reading = undefined;
      await this.refresh();
      throw thrown;
    }
    this.#removing.delete(id);
    // Once more: another attempt of this page may have failed meanwhile, and have shown it.
    this.#changed(id);
  };

  #set(change: Partial<Known>): void {
    this.#known = { ...this.#known, ...change };
    this.#shown = undefined;
    for (const listener of this.#listeners) listener();
  }
}

/** The answer as it would be if the server had known. */
function amended({ tasks, total, before }: TaskList, since: Since): TaskList {
  const left = tasks.filter(({ id }) => !since.has(id) || since.get(id));
  const made = [...since.values()].filter((task) => task && !left.some(({ id }) => id === task.id));
  return {
    tasks: [...(made.reverse() as TaskView[]), ...left],
    total: total - (tasks.length - left.length) + made.length,
    ...(before !== undefined && { before }),
  };
}

/** What is shown behind the last task of an answer. None where that is not shown: what lies between is not known. */
function olderThan({ tasks, before }: TaskList, shown: TaskView[]): TaskView[] {
  if (before === undefined) return [];
  const place = shown.findIndex(({ id }) => id === tasks.at(-1)?.id);
  const rest = place < 0 ? [] : shown.slice(place + 1);
  // One that was made anew under its id has moved to the front.
  return rest.filter(({ id }) => !tasks.some((task) => task.id === id));
}
