import { compareTasks, cursorOfTask, placeOf, type TaskPlace } from '../stores/task-order.js';
import type { StoredDocument, TaskStatus, TaskStore } from '../types.js';
import { countOf } from './body.js';
import { bytesOf, pageBytes, withoutPlan } from './pages.js';
import { Refusal } from './problem.js';
import { type TaskView, viewOf } from './view.js';

/** Tasks that one request looks at, at most. */
const mostLooked = 1_000;
const page = 100;
const statuses = ['not_started', 'in_progress', 'paused', 'completed', 'failed'];

/** What `GET /` answers: at most `limit` tasks, and 2 MB. */
export interface TaskList {
  /** The newest first. */
  tasks: TaskView[];
  /** How many there are that match, of the thousand newest. */
  total: number;
  /** What to pass as `before` for the tasks before these; absent at the end. */
  before?: string;
}

/**
 * A user's tasks, the newest first.
 *
 * @throws Refusal 400
 */
export async function listTasks(store: TaskStore, userId: string, query: URLSearchParams): Promise<TaskList> {
  const status = query.get('status') || undefined;
  if (status !== undefined && !statuses.includes(status)) {
    throw new Refusal(400, 'INVALID_ARGUMENT', `status must be one of ${statuses.join(', ')}.`);
  }
  const limit = countOf(query, 'limit', 50, 100);
  const before = query.get('before') || undefined;
  const after = before === undefined ? undefined : placeOfCursor(userId, before);
  const search = query.get('search')?.trim().toLowerCase() ?? '';
  const shown: { place: TaskPlace; view: TaskView; bytes: number }[] = [];
  /** The newest of those that are left for the next page. */
  let rest: TaskPlace | undefined;
  let bytes = 0;
  let total = 0;
  for await (const document of newestFirst(store, userId, status as TaskStatus | undefined)) {
    if (!matches(document, search)) continue;
    total += 1;
    const place = placeOf(document);
    if (after !== undefined && compareTasks(place, after) >= 0) continue;
    if (rest !== undefined && compareTasks(place, rest) <= 0) continue;
    const whole = viewOf(document);
    const view = bytesOf(whole) <= pageBytes ? whole : withoutPlan(whole);
    const task = { place, view, bytes: bytesOf(view) };
    // Firestore answers every text before every timestamp, however new that is.
    const older = shown.findIndex((other) => compareTasks(other.place, place) < 0);
    shown.splice(older < 0 ? shown.length : older, 0, task);
    bytes += task.bytes;
    while (shown.length > limit || (bytes > pageBytes && shown.length > 1)) {
      const last = shown.pop() ?? task;
      bytes -= last.bytes;
      rest = last.place;
    }
  }
  const last = shown.at(-1);
  return {
    tasks: shown.map(({ view }) => view),
    total,
    ...(rest !== undefined && last !== undefined && { before: encode(last.place) }),
  };
}

function matches({ data }: StoredDocument, search: string): boolean {
  if (search === '') return true;
  return [data.title, data.description].some(
    (text) => typeof text === 'string' && text.toLowerCase().includes(search),
  );
}

async function* newestFirst(
  store: TaskStore,
  userId: string,
  status: TaskStatus | undefined,
): AsyncGenerator<StoredDocument> {
  if (store.tasks === undefined) {
    const all = await allOf(store, userId);
    all.sort((a, b) => compareTasks(placeOf(b), placeOf(a)));
    yield* all.filter(({ data }) => status === undefined || data.status === status);
    return;
  }
  let after: string | undefined;
  for (let looked = 0; looked < mostLooked; looked += page) {
    const documents = await store.tasks({ userId, status, limit: page, after });
    yield* documents;
    const last = documents.at(-1);
    if (last === undefined || documents.length < page) return;
    after = cursorOfTask(last);
  }
}

/** For stores that know no order but that of the ids. */
async function allOf(store: TaskStore, userId: string): Promise<StoredDocument[]> {
  const all: StoredDocument[] = [];
  for (let after: string | undefined; all.length < mostLooked; ) {
    const documents = await store.list(`users/${userId}/tasks`, { limit: page, ...(after && { after }) });
    all.push(...documents);
    const last = documents.at(-1);
    if (last === undefined || documents.length < page) break;
    after = last.path.slice(last.path.lastIndexOf('/') + 1);
  }
  return all;
}

/** A place in the list, opaque to clients, without the user's id. */
function encode({ createdAt, path }: TaskPlace): string {
  return `${createdAt}~${path.slice(path.lastIndexOf('/') + 1)}`;
}

function placeOfCursor(userId: string, before: string): TaskPlace {
  const cut = before.indexOf('~');
  if (cut < 0) throw new Refusal(400, 'INVALID_ARGUMENT', 'before must be what an earlier list answered.');
  return { createdAt: before.slice(0, cut), path: `users/${userId}/tasks/${before.slice(cut + 1)}` };
}
