import type { AbortSignalLike } from './signal.js';
import type { TaskStatus } from './task.js';

/** A document as a store returns it. */
export interface StoredDocument {
  /** From the store's root: `users/u/tasks/t`. */
  path: string;
  /** Its fields, a copy. */
  data: Record<string, unknown>;
  /** Opaque. Changes with every write that changes the data; one that changes nothing may keep it. */
  version: string;
  /** Milliseconds since it was last written, by the server's own clocks only. */
  ageMs?: number | undefined;
}

/** One field of an update; `path` has one element a level. Absence is deletion, null is a value. */
export interface FieldUpdate {
  /** Names of fields, from the outermost in; what is missing on the way is made. */
  path: string[];
  /** What the field is set to. */
  value?: unknown;
  /** The field is removed; there is no `value` then. */
  delete?: true | undefined;
}

/** One write of a commit. */
export type StoreWrite =
  | {
      /** Fails with `exists` where there is a document already. */
      op: 'create';
      /** Of the document, from the store's root. */
      path: string;
      /** All fields of the new document. */
      data: object;
    }
  | {
      /** Fails with `not_found` where there is none, with `conflict` where it has another version. */
      op: 'update';
      /** Of the document, from the store's root. */
      path: string;
      /** Fields that change; the others stay as they are. */
      fields: FieldUpdate[];
      /** The version that the document has to have. Default: any. */
      ifVersion?: string | undefined;
    }
  | {
      /** Deleting what is not there succeeds, unless `ifVersion` is given: then it is a `conflict`. */
      op: 'delete';
      /** Of the document, from the store's root. */
      path: string;
      /** The version that the document has to have. Default: any. */
      ifVersion?: string | undefined;
    };

/**
 * Kinds of failure. Only `unavailable` is worth another try; the outcome of that commit is unknown. Anything thrown
 * without one of these codes counts as `unavailable`, but a TaskExecutionError that is not retryable reaches the caller as
 * it is, at once.
 */
export type StoreErrorCode =
  | 'conflict'
  | 'exists'
  | 'not_found'
  | 'denied'
  | 'too_large'
  | 'invalid'
  | 'unavailable';

/** What a store throws. */
export interface StoreFailure {
  /** What kind of failure it is. */
  code: StoreErrorCode;
  /** What went wrong, for people. */
  message: string;
}

/** The process that a store is used by, told so that others on the same host can see whether it still lives. */
export interface LeaseHolder {
  /** Boot, pid namespace, pid and start of the process. */
  readonly id: string;
  /** Whether the process of this id may still live. */
  alive(id: string): boolean;
}

/** Which tasks, and which page of them. */
export interface TasksQuery {
  /** Default: tasks of all users. */
  userId?: string | undefined;
  /** Default: any. */
  status?: TaskStatus | undefined;
  /** By `created_at`, then by path. Default 'newest' first. */
  order?: 'newest' | 'oldest' | undefined;
  /** How many, at most. */
  limit: number;
  /** `'{created_at} {path}'` of the last document that was seen, which need not exist any more. */
  after?: string | undefined;
  /** Once aborted, nobody waits for the answer. */
  signal?: AbortSignalLike | undefined;
}

/** Where tasks are kept: documents in collections, as Firestore has them. */
export interface TaskStore {
  /** Same id = same data: `firestore:project/(default)`, `sqlite:/abs/file`, `memory:1`. */
  readonly id: string;
  /** UTF-8 bytes: of `json` per document, of all strings per commit. */
  readonly limits: {
    /** Of the `json` of a document. */
    documentBytes: number;
    /** Of all strings of a commit. */
    commitBytes: number;
  };
  /** One element a path, in order; null where there is no document. */
  read(
    paths: string[],
    options?: {
      /** Once aborted, nobody waits for the answer. */
      signal?: AbortSignalLike | undefined;
    },
  ): Promise<(StoredDocument | null)[]>;
  /** All or nothing. `version` is the version of every document that was changed. */
  commit(
    writes: StoreWrite[],
    options?: {
      /** Once aborted, nobody waits for the answer; the commit may be stored all the same. */
      signal?: AbortSignalLike | undefined;
    },
  ): Promise<{
    /** Of every document that was changed. */
    version: string;
  }>;
  /** Documents directly in the collection, ordered by document id, those after `after` only. */
  list(
    collection: string,
    options: {
      /** An id, which need not exist. Default: from the first. */
      after?: string | undefined;
      /** How many, at most. */
      limit: number;
      /** Once aborted, nobody waits for the answer. */
      signal?: AbortSignalLike | undefined;
    },
  ): Promise<StoredDocument[]>;
  /**
   * Task documents (`users/{userId}/tasks/{taskId}`), of one user or of all. A document whose `created_at` is no string
   * may be left out.
   */
  tasks?(query: TasksQuery): Promise<StoredDocument[]>;
  /**
   * Calls back, asynchronously, after a document, or a document of a collection, has changed; it may once at first too.
   * Where one collection is watched and the store knows the id of its newest document, it says it, '' where there is
   * none: whoever has that document reads nothing. Returns the end.
   */
  watch?(paths: string[], onChange: (newest?: string) => void): () => void;
  /** Stores of a single host: who this process is, and whether the process of an id may still live. */
  readonly holder?: LeaseHolder | undefined;
}
