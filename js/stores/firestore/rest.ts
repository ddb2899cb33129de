import { TaskExecutionError } from '../../errors.js';
import type { AbortSignalLike, StoredDocument, StoreWrite, TaskStore } from '../../types.js';
import {
  checkCommit,
  checkDocumentPath,
  checkListing,
  compareIds,
  StoreError,
  splitPath,
} from '../documents.js';
import { checkTasksQuery, fullPage, placeOf, type TaskPlace } from '../task-order.js';
import { checkDeadline, withDeadline } from './deadline.js';
import { storeError } from './errors.js';
import { foreignIn } from './foreign.js';
import { firestoreLimits } from './limits.js';
import { originOf } from './origin.js';
import { isTaskPath, Originals } from './originals.js';
import { nameable } from './pages.js';
import { tasksQuery } from './rest-tasks.js';
import { elapsed, expectedVersion, later } from './times.js';
import { checkToken, reasonOf, redacted, tokenOf, withoutToken } from './token.js';
import { decodeFields, encodeFields, encodeValue, fieldPath, lookValue, type RestFields } from './values.js';

/** What a call needs of `fetch`. */
export type FetchLike = (url: string, init: any) => Promise<any>;

/** Where the database is, and who asks. */
export interface FirestoreRestOptions {
  /** The Google Cloud project. */
  projectId: string;
  /** Default: `(default)`. */
  databaseId?: string | undefined;
  /**
   * An OAuth 2.0 access token, or the ID token of a user whom the security rules let in; a function is asked before
   * every call, so that it can refresh it. No error or log quotes it. Default: none, and `owner` for the emulator, who may
   * do everything.
   */
  token?: string | (() => string | Promise<string>) | undefined;
  /** Default: the platform's. */
  fetch?: FetchLike | undefined;
  /**
   * Host and port of the emulator, `127.0.0.1:8080`, which has to be this machine, or a URL of https. Default: Google's
   * servers.
   */
  host?: string | undefined;
  /** How long one call may take: milliseconds, default 10,000. */
  timeoutMs?: number | undefined;
}

interface RestDocument {
  name: string;
  fields?: RestFields;
  updateTime: string;
}
interface Looked {
  found?: RestDocument;
  missing?: string;
  document?: RestDocument;
  readTime?: string;
}

/**
 * Tasks in Firestore over its REST API, for edge runtimes and browsers: without dependencies, with conditional commits
 * and without transactions. It cannot watch, so that what others do is seen within a heartbeat.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT where the options name no database, a token that no header takes, or a
 * host that plain http would reach over a network
 */
export function firestoreRestStore(options: FirestoreRestOptions): TaskStore {
  const { projectId, databaseId = '(default)', token, host } = options ?? {};
  checkName('projectId', projectId);
  checkName('databaseId', databaseId);
  const timeoutMs = checkDeadline(options.timeoutMs);
  const root = `projects/${projectId}/databases/${databaseId}/documents`;
  const { origin, emulator } = originOf(host);
  checkToken(token);
  const limits = firestoreLimits(emulator);
  const originals = new Originals();

  /** One call. `at` is the path that it is about, inside the database; `rest` ends the URL. */
  const call = (
    what: string,
    at: string,
    rest: string,
    body: object | undefined,
    signal: AbortSignalLike | undefined,
  ): Promise<unknown> =>
    withDeadline(what, timeoutMs, signal, async (deadline) => {
      const path = [root, ...at.split('/').filter(Boolean)].join('/');
      const url = `${origin}/v1/${path.split('/').map(encodeURIComponent).join('/')}${rest}`;
      const sent = async (bearer: string | undefined, isSecond: boolean): Promise<unknown> => {
        try {
          const [status, text] = await ask(what, url, bearer, body, deadline);
          if (status === 401 && !isSecond && typeof token === 'function') {
            // it may have run out on the way, or by a clock that is wrong: nothing was done
            const other = await tokenOf(token, emulator);
            if (other !== bearer) return await sent(other, true);
          }
          return answer(what, status, text, (said) => redacted(said, bearer));
        } catch (error) {
          throw withoutToken(error, bearer);
        }
      };
      return sent(await tokenOf(token, emulator), false);
    });

  const ask = async (
    what: string,
    url: string,
    bearer: string | undefined,
    body: object | undefined,
    signal: AbortSignal,
  ): Promise<[status: number, text: string]> => {
    try {
      const response = await (options.fetch ?? globalThis.fetch)(url, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          'content-type': 'application/json',
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // Firestore sends nobody elsewhere; whoever does shall not get the tasks
        redirect: 'manual',
        signal,
      });
      return [response.status, await response.text()];
    } catch (cause) {
      throw storeError(what, 'UNAVAILABLE', redacted(reasonOf(cause), bearer), cause);
    }
  };

  const present = (
    { name, fields, updateTime }: RestDocument,
    readTime: string | undefined,
  ): StoredDocument => {
    const path = name.slice(root.length + 1);
    if (isTaskPath(path)) {
      originals.see(path, updateTime, foreignIn({ mapValue: { fields } }, lookValue));
    }
    return {
      path,
      data: decodeFields(fields),
      version: updateTime,
      ageMs: readTime === undefined ? undefined : elapsed(updateTime, readTime),
    };
  };

  /**
   * The emulator takes a path to end at its first colon, Firestore at its last; of documents below an id with a colon it
   * answers no query. It lists them, but not from an id on.
   */
  const listWhole = async (
    collection: string,
    after: string | undefined,
    limit: number,
    signal: AbortSignalLike | undefined,
  ): Promise<StoredDocument[]> => {
    const found: StoredDocument[] = [];
    let pageToken = '';
    do {
      const query = `?orderBy=__name__&pageSize=300&pageToken=${encodeURIComponent(pageToken)}`;
      const page = (await call('list', collection, query, undefined, signal)) as {
        documents?: RestDocument[];
        nextPageToken?: string;
      };
      const documents = (page.documents ?? []).map((document) => present(document, undefined));
      found.push(
        ...documents.filter(({ path }) => after === undefined || compareIds(splitPath(path).id, after) > 0),
      );
      pageToken = page.nextPageToken ?? '';
    } while (pageToken !== '' && found.length < limit);
    return found.slice(0, limit);
  };

  const encodeWrite = (write: StoreWrite): object => {
    const name = `${root}/${write.path}`;
    switch (write.op) {
      case 'create':
        return {
          update: { name, fields: encodeFields(write.data as Record<string, unknown>) },
          currentDocument: { exists: false },
        };
      case 'update':
        return {
          update: { name, fields: nested(write.fields) },
          updateMask: { fieldPaths: write.fields.map((field) => fieldPath(field.path)) },
          currentDocument: precondition(write) ?? { exists: true },
        };
      case 'delete': {
        const currentDocument = precondition(write);
        return { delete: name, ...(currentDocument === undefined ? {} : { currentDocument }) };
      }
    }
  };

  const queried = async (
    what: string,
    parent: string,
    structuredQuery: object,
    signal: AbortSignalLike | undefined,
  ): Promise<StoredDocument[]> => {
    const found = rows(what, await call(what, parent, ':runQuery', { structuredQuery }, signal));
    return found.flatMap(({ document, readTime }) => (document ? [present(document, readTime)] : []));
  };

  /** Where a page of tasks begins: Firestore orders times before all texts, so that the text of one is no place. */
  const startOf = async ({ createdAt, path }: TaskPlace, signal: AbortSignalLike | undefined) => {
    const body = { documents: [`${root}/${path}`], mask: { fieldPaths: ['created_at'] } };
    const [looked] = rows('tasks', await call('tasks', '', ':batchGet', body, signal));
    const stored = looked?.found?.fields?.created_at;
    const data = decodeFields(looked?.found?.fields);
    const isThere = stored !== undefined && placeOf({ path, data }).createdAt === createdAt;
    return [isThere ? stored : encodeValue(createdAt), { referenceValue: `${root}/${path}` }];
  };

  const read: TaskStore['read'] = async (paths, { signal } = {}) => {
    paths.forEach(checkDocumentPath);
    if (paths.length === 0) {
      return [];
    }
    const documents = [...new Set(paths)].map((path) => `${root}/${path}`);
    const looked = rows('read', await call('read', '', ':batchGet', { documents }, signal));
    const found = new Map<string, StoredDocument | null>();
    for (const { found: document, missing, readTime } of looked) {
      if (document !== undefined) {
        found.set(document.name, present(document, readTime));
      } else if (missing !== undefined) {
        found.set(missing, null);
      }
    }
    return paths.map((path) => {
      const document = found.get(`${root}/${path}`);
      if (document === undefined) {
        throw new StoreError('unavailable', `Firestore: the read was answered without ${path}.`);
      }
      return document;
    });
  };

  return {
    id: `firestore:${projectId}/${databaseId}`,
    limits,

    read,

    async commit(writes, { signal } = {}) {
      const whole = await originals.restored(
        writes,
        (path) => read([path], { signal }),
        (timestampValue) => ({ timestampValue }),
      );
      checkCommit(whole, limits);
      const body = { writes: whole.map(encodeWrite) };
      const reply = (await call('commit', '', ':commit', body, signal)) as {
        writeResults?: { updateTime?: string }[];
        commitTime?: string;
      } | null;
      const times = (reply?.writeResults ?? []).flatMap(({ updateTime }) => updateTime ?? []);
      // a write that changed nothing keeps its old time
      const version = times.length > 0 ? times.reduce(later) : reply?.commitTime;
      if (version === undefined) {
        throw new StoreError('unavailable', 'Firestore: the commit was answered without a time.');
      }
      originals.stored(whole, version);
      return { version };
    },

    async list(collection, { after, limit, signal }) {
      checkListing(collection, limit);
      const { collection: parent, id } = splitPath(collection);
      const query = (after: string | undefined, limit: number) => ({
        from: [{ collectionId: id }],
        orderBy: [{ field: { fieldPath: '__name__' } }],
        ...(after === undefined
          ? {}
          : {
              startAt: {
                values: [{ referenceValue: `${root}/${collection}/${after}` }],
                before: false,
              },
            }),
        limit,
      });
      return nameable(after, limit, async (...page) =>
        emulator && parent.includes(':')
          ? listWhole(collection, ...page, signal)
          : queried('list', parent, query(...page), signal),
      );
    },

    async tasks(query) {
      const { userId, limit, signal } = query;
      return fullPage(limit, checkTasksQuery(query), async (after, asked) => {
        const start = after && (await startOf(after, signal));
        const parent = userId === undefined ? '' : `users/${userId}`;
        return queried('tasks', parent, tasksQuery(query, start, asked), signal);
      });
    },
  };
}

/** A segment of the names of documents, and of our own id. */
function checkName(what: string, name: unknown): void {
  if (typeof name !== 'string' || name === '' || /[\s/]/.test(name)) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      `firestoreRestStore: ${what} must be a string without spaces and slashes, not ${JSON.stringify(name)}.`,
    );
  }
}

function precondition(write: { path: string; ifVersion?: string | undefined }): object | undefined {
  const updateTime = expectedVersion(write);
  return updateTime === undefined ? undefined : { updateTime };
}

/** The values of an update, each at its path. Fields to be deleted are in the mask alone. */
function nested(fields: Extract<StoreWrite, { op: 'update' }>['fields']): RestFields {
  const root: RestFields = {};
  for (const { path, value, delete: remove } of fields) {
    if (remove) {
      continue;
    }
    let at = root;
    for (const step of path.slice(0, -1)) {
      const next = (Object.hasOwn(at, step) ? at[step] : undefined) as
        | { mapValue: { fields: RestFields } }
        | undefined;
      const map = next ?? { mapValue: { fields: {} } };
      at[step] = map;
      at = map.mapValue.fields;
    }
    at[path[path.length - 1] as string] = encodeValue(value);
  }
  return root;
}

/** What came back, or the failure that it tells of. */
function answer(what: string, status: number, text: string, clean: (said: string) => string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    const shown = clean(text.trim()).slice(0, 200);
    throw storeError(what, ofHttp(status), `HTTP ${status} with ${shown === '' ? 'nothing' : shown}`, cause);
  }
  // streamed answers are arrays, and may fail after the first rows: what is missing must not pass for the end
  const error = (Array.isArray(parsed) ? parsed.find((row) => row?.error !== undefined) : parsed)?.error as
    | { status?: string; message?: string; code?: number }
    | undefined;
  if (error !== undefined || status < 200 || status > 299) {
    throw storeError(
      what,
      error?.status ?? ofHttp(status),
      clean(String(error?.message ?? `HTTP ${status}`)),
    );
  }
  return parsed;
}

/** For answers that are not Firestore's own, of a proxy for example. */
function ofHttp(status: number): string {
  switch (status) {
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'PERMISSION_DENIED';
    case 413:
      return 'INVALID_ARGUMENT';
    default:
      return 'UNAVAILABLE';
  }
}

function rows(what: string, reply: unknown): Looked[] {
  if (!Array.isArray(reply) || reply.some((row) => typeof row !== 'object' || row === null)) {
    throw storeError(what, 'UNAVAILABLE', 'an answer that is no list of documents');
  }
  return reply as Looked[];
}
