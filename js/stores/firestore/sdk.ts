import { TaskExecutionError } from '../../errors.js';
import type { AbortSignalLike, StoredDocument, StoreWrite, TaskStore } from '../../types.js';
import { checkCommit, checkDocumentPath, checkListing, StoreError } from '../documents.js';
import { checkTasksQuery, fullPage, placeOf, type TaskPlace } from '../task-order.js';
import { checkDeadline, withDeadline } from './deadline.js';
import { storeError } from './errors.js';
import { foreignIn, native } from './foreign.js';
import { firestoreLimits } from './limits.js';
import { listen } from './listener.js';
import { isTaskPath, Originals } from './originals.js';
import { nameable } from './pages.js';
import { exactData, lookNative, plainData } from './plain.js';
import { loadSdk } from './sdk-classes.js';
import type { BatchLike, FirestoreLike, FirestoreSdk, SnapshotLike, TimestampLike } from './structure.js';
import { elapsed, expectedVersion, formatTime, later, parseTime } from './times.js';

/** What cannot be seen from `db` itself. */
export interface FirestoreStoreOptions {
  /**
   * The classes of the SDK that made `db`: `{ FieldPath, FieldValue, Timestamp }` of `firebase-admin/firestore` or
   * `@google-cloud/firestore`. Needed only where the store says so, in some bundled servers. Default: found by itself.
   */
  sdk?: FirestoreSdk | undefined;
  /** Default: the project of `db`, else GOOGLE_CLOUD_PROJECT or GCLOUD_PROJECT. */
  projectId?: string | undefined;
  /** The emulator takes smaller commits. Default: whether FIRESTORE_EMULATOR_HOST is set. */
  emulator?: boolean | undefined;
  /** How long one call may take: milliseconds, default 10,000. The SDK's own retries can take ten minutes. */
  timeoutMs?: number | undefined;
}

/**
 * Tasks in Firestore through Google's SDK: `db` comes from `getFirestore()` of firebase-admin or from `new Firestore()`
 * of @google-cloud/firestore. Commits are conditional batches, never transactions; changes by others are heard of by
 * listeners.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT where `db` is no Firestore, or its project is unknown
 */
export function firestoreStore(db: FirestoreLike, options: FirestoreStoreOptions = {}): TaskStore {
  checkDatabase(db);
  const timeoutMs = checkDeadline(options.timeoutMs);
  const limits = firestoreLimits(options.emulator ?? environment('FIRESTORE_EMULATOR_HOST') !== undefined);
  const originals = new Originals();
  let loading: Promise<FirestoreSdk> | undefined;
  const classes = () => {
    loading ??= loadSdk(db, options.sdk);
    return loading;
  };

  const present = (snapshot: SnapshotLike): StoredDocument => {
    const version = formatTime(snapshot.updateTime as TimestampLike);
    const { path } = snapshot.ref;
    const data = snapshot.data();
    if (isTaskPath(path)) {
      const reply = { mapValue: { fields: (snapshot as { _fieldsProto?: unknown })._fieldsProto } };
      originals.see(path, version, foreignIn(exactData(data, reply), lookNative));
    }
    return {
      path,
      data: plainData(data),
      version,
      ageMs: elapsed(version, formatTime(snapshot.readTime)),
    };
  };
  const asking = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw translated(what, error);
    }
  };

  const read: TaskStore['read'] = async (paths, { signal } = {}) => {
    paths.forEach(checkDocumentPath);
    if (paths.length === 0) {
      return [];
    }
    const unique = [...new Set(paths)];
    const snapshots = await withDeadline('read', timeoutMs, signal, () =>
      asking('read', () => db.getAll(...unique.map((path) => db.doc(path)))),
    );
    const found = new Map(snapshots.map((snapshot) => [snapshot.ref.path, snapshot]));
    return paths.map((path) => {
      const snapshot = found.get(path);
      return snapshot?.exists ? present(snapshot) : null;
    });
  };

  /** Where a page of tasks begins: Firestore orders times before all texts, so that the text of one is no place. */
  const startOf = async ({ createdAt, path }: TaskPlace, signal: AbortSignalLike | undefined) => {
    const document = db.doc(path);
    const [snapshot] = await withDeadline('tasks', timeoutMs, signal, () =>
      asking('tasks', () => db.getAll(document, { fieldMask: ['created_at'] })),
    );
    const data = snapshot?.data() ?? {};
    const isThere = 'created_at' in data && placeOf({ path, data: plainData(data) }).createdAt === createdAt;
    return [isThere ? data.created_at : createdAt, document];
  };

  return {
    id: `firestore:${projectOf(db, options.projectId)}/${db.databaseId}`,
    limits,

    read,

    async commit(writes, { signal } = {}) {
      const sdk = await classes();
      const whole = await originals.restored(
        writes,
        (path) => read([path], { signal }),
        (iso) => timeOf(iso, sdk),
      );
      checkCommit(whole, limits);
      const results = await withDeadline('commit', timeoutMs, signal, async (deadline) => {
        const batch = db.batch();
        try {
          for (const write of whole) {
            add(batch, write, db, sdk);
          }
        } catch (cause) {
          throw refusedBySdk('commit', cause);
        }
        if (deadline.aborted) {
          throw new StoreError('unavailable', 'Firestore: the commit was given up before it was sent.');
        }
        return asking('commit', () => batch.commit());
      });
      // a write that changed nothing keeps its old time
      const version = results.map(({ writeTime }) => formatTime(writeTime)).reduce(later);
      originals.stored(whole, version);
      return { version };
    },

    async list(collection, { after, limit, signal }) {
      checkListing(collection, limit);
      const ordered = db.collection(collection).orderBy('__name__');
      return nameable(after, limit, async (after, limit) => {
        const page = (after === undefined ? ordered : ordered.startAfter(after)).limit(limit);
        const { docs } = await withDeadline('list', timeoutMs, signal, () =>
          asking('list', () => page.get()),
        );
        return docs.map(present);
      });
    },

    async tasks(query) {
      const { userId, status, order = 'newest', limit, signal } = query;
      const direction = order === 'newest' ? 'desc' : 'asc';
      return fullPage(limit, checkTasksQuery(query), async (after, asked) => {
        const from =
          userId === undefined ? db.collectionGroup('tasks') : db.collection(`users/${userId}/tasks`);
        const chosen = status === undefined ? from : from.where('status', '==', status);
        const ordered = chosen.orderBy('created_at', direction).orderBy('__name__', direction);
        const begun = after === undefined ? ordered : ordered.startAfter(...(await startOf(after, signal)));
        const { docs } = await withDeadline('tasks', timeoutMs, signal, () =>
          asking('tasks', () => begun.limit(asked).get()),
        );
        return docs.map(present);
      });
    },

    watch: (paths, onChange) => listen(db, paths, onChange),
  };
}

/** Adds one write to a batch. `checkCommit` has let it pass. */
function add(batch: BatchLike, write: StoreWrite, db: FirestoreLike, sdk: FirestoreSdk): void {
  const document = db.doc(write.path);
  switch (write.op) {
    case 'create':
      batch.create(document, write.data);
      break;
    case 'update': {
      const pairs = write.fields.flatMap(({ path, value, delete: remove }) => [
        new sdk.FieldPath(...path),
        remove ? sdk.FieldValue.delete() : native(value),
      ]);
      const condition = precondition(write, sdk);
      const [first, ...rest] = condition === undefined ? pairs : [...pairs, condition];
      batch.update(document, first, ...rest);
      break;
    }
    case 'delete':
      batch.delete(document, precondition(write, sdk));
      break;
  }
}

function precondition(
  write: { path: string; ifVersion?: string | undefined },
  sdk: FirestoreSdk,
): object | undefined {
  const version = expectedVersion(write);
  if (version === undefined) {
    return undefined;
  }
  return { lastUpdateTime: timeOf(version, sdk) };
}

function timeOf(iso: string, sdk: FirestoreSdk): unknown {
  const { seconds, nanoseconds } = parseTime(iso);
  return new sdk.Timestamp(seconds, nanoseconds);
}

/** What the SDK refuses without asking the server. */
function refusedBySdk(what: string, cause: unknown): StoreError {
  return cause instanceof StoreError
    ? cause
    : storeError(what, 'INVALID_ARGUMENT', cause instanceof Error ? cause.message : String(cause), cause);
}

/** The server's errors have gRPC's number as `code`. */
function translated(what: string, error: unknown): StoreError {
  const { code, details, message } = (error ?? {}) as {
    code?: unknown;
    details?: unknown;
    message?: unknown;
  };
  if (error instanceof TypeError || code === 'ERR_ASSERTION') {
    // its encoder trips over fields that are named like members of every object, `constructor` for example
    return refusedBySdk(what, error);
  }
  const text = [details, message].find((part) => typeof part === 'string' && part !== '') ?? error;
  return storeError(what, typeof code === 'number' ? code : undefined, String(text), error);
}

function checkDatabase(db: unknown): asserts db is FirestoreLike {
  const methods = ['doc', 'collection', 'getAll', 'batch'];
  const missing = methods.find(
    (name) => typeof (db as Record<string, unknown> | null | undefined)?.[name] !== 'function',
  );
  if (missing !== undefined) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      `firestoreStore takes a Firestore of firebase-admin (getFirestore()) or @google-cloud/firestore (new Firestore()); what it got has no method ${missing}. The web SDK of Firebase has none either: use firestoreRestStore there.`,
    );
  }
}

function projectOf(db: FirestoreLike, given: string | undefined): string {
  const project = given ?? named(db) ?? environment('GOOGLE_CLOUD_PROJECT') ?? environment('GCLOUD_PROJECT');
  if (project === undefined) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      'firestoreStore: the project of db is not known yet. Give it as firestoreStore(db, { projectId }), to new Firestore({ projectId }) or initializeApp({ projectId }), or set GOOGLE_CLOUD_PROJECT.',
    );
  }
  return project;
}

/** The SDK throws where it has to ask the metadata server first. */
function named(db: FirestoreLike): string | undefined {
  try {
    const project: unknown = Reflect.get(db, 'projectId');
    return typeof project === 'string' && project !== '' ? project : undefined;
  } catch {
    return undefined;
  }
}

function environment(name: string): string | undefined {
  return (typeof process === 'undefined' ? undefined : process.env?.[name]) || undefined;
}
