import { createTaskIn } from '../api/create-task.js';
import { checkId } from '../ids.js';
import { platformCrypto } from '../platform.js';
import type { NewTask, StoredDocument, TaskHost, TaskStore } from '../types.js';
import { utf8Length } from '../values.js';
import { canonical, sha256 } from './digest.js';
import type { TaskRoutesOptions } from './options.js';
import { Refusal } from './problem.js';
import { requestHash } from './view.js';

const longestKey = 200;

/** A task that a request asks for. */
export interface CreateRequest {
  host: TaskHost;
  userId: string;
  request: Request;
  body: Record<string, unknown>;
  options: TaskRoutesOptions;
  /** Called before something is made. @throws Refusal where it is too much */
  spend(): void;
}

/**
 * Makes the task, or finds the one that the same request has made before.
 *
 * @throws Refusal 400 or 409
 */
export async function createOnce(
  asked: CreateRequest,
): Promise<{ document: StoredDocument; replayed: boolean }> {
  const { host, userId, request, body, options } = asked;
  const { id: wanted, ...fields } = body;
  const id = await idOf(userId, request, wanted);
  const hash = await sha256(canonical(fields));
  const path = `users/${userId}/tasks/${id}`;
  const before = await readTask(host.store, path);
  if (before !== undefined) return { document: same(before, hash), replayed: true };
  asked.spend();
  const task = await (options.create ?? plainTask)(fields, { userId, request });
  await createTaskIn(host, userId, { ...task, id, [requestHash]: hash } as NewTask);
  const document = await readTask(host.store, path);
  // Somebody was faster, to make it or to delete it.
  if (document === undefined) throw new Refusal(409, 'CONFLICT', 'The task was deleted meanwhile.');
  return { document: same(document, hash), replayed: false };
}

/** What anybody may set; the rest is the app's to give. */
function plainTask(body: Record<string, unknown>): NewTask {
  const { title, description, milestones } = body;
  return { title, description, milestones } as NewTask;
}

async function idOf(userId: string, request: Request, wanted: unknown): Promise<string> {
  const key = request.headers.get('idempotency-key');
  if (key !== null && (key === '' || utf8Length(key) > longestKey)) {
    throw new Refusal(400, 'INVALID_ARGUMENT', `Idempotency-Key must have 1 to ${longestKey} bytes.`);
  }
  if (wanted !== undefined && wanted !== null) {
    checkId('id', wanted);
    return wanted;
  }
  if (key === null) return platformCrypto().randomUUID();
  return `idem-${(await sha256(canonical([userId, key]))).slice(0, 40)}`;
}

function same(document: StoredDocument, hash: string): StoredDocument {
  if (document.data[requestHash] === hash) return document;
  throw new Refusal(
    409,
    'IDEMPOTENCY_KEY_REUSED',
    'There is a task of this id, or of this Idempotency-Key, that was made of another body.',
  );
}

async function readTask(store: TaskStore, path: string): Promise<StoredDocument | undefined> {
  const [document] = await store.read([path]);
  return document ?? undefined;
}
