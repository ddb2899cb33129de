/** The store `task-execution-engine/sqlite`: one file, any number of processes on one host. */
import { mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { TaskExecutionError } from '../errors.js';
import type { AbortSignalLike, StoredDocument, TaskStore } from '../types.js';
import {
  type Changes,
  checkDocumentPath,
  checkListing,
  checkSignal,
  decode,
  localLimits,
  planCommit,
  type Row,
  StoreError,
  splitPath,
} from './documents.js';
import { bootId, processHolder } from './holder.js';
import { type Database, isBusy, loadDriver, translate } from './sqlite-driver.js';
import { Reading } from './sqlite-reading.js';
import { Watchers } from './watchers.js';

/** Where the data is. */
export interface SqliteStoreOptions {
  /** The database file. It is made where it is missing, and so is its folder. */
  file: string;
  /**
   * Only reads: the file has to be there and stays as it is, byte for byte, also while others write it. Commits are
   * refused as `denied`.
   */
  readOnly?: boolean;
}

/** A store in a SQLite file. */
export interface SqliteStore extends TaskStore {
  /** Paths of the collections that have documents, in the order of their bytes. */
  collections(): Promise<string[]>;
  /** Closes the file. Calls given afterwards fail. */
  close(): void;
}

/** Marks a database as ours: 'task'. */
const applicationId = 0x7461736b;
const schemaVersion = 1;
/** SQLite waits by blocking the event loop: briefly, then it is tried again from outside, so long in all. */
const busyTimeoutMs = 20;
const busyRetryMs = 1_000;
/** How soon changes by other processes are seen. */
const pollMs = 100;

const schema = `
  CREATE TABLE documents (
    path TEXT PRIMARY KEY NOT NULL,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    data TEXT NOT NULL,
    version TEXT NOT NULL,
    written_boot TEXT,
    written_at REAL NOT NULL
  );
  CREATE UNIQUE INDEX documents_in_order ON documents (collection, id);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

interface DocumentRow extends Row {
  path: string;
  written_boot: string | null;
  written_at: number;
}

const columns = 'path, data AS json, version, written_boot, written_at';

/** Goes from one collection to the next in the index, past all of their documents. */
const eachCollection = `
  WITH RECURSIVE found (collection) AS (
    SELECT min(collection) FROM documents
    UNION ALL
    SELECT (SELECT min(collection) FROM documents WHERE collection > found.collection)
      FROM found WHERE found.collection IS NOT NULL
  )
  SELECT collection FROM found WHERE collection IS NOT NULL`;

/** An open file. */
interface Connection {
  /** Another number: what the database says of its version cannot be compared with what it said before. */
  readonly generation: number;
  database(): Database;
  close(): void;
}

/** The file's own path, whatever links lead to it, also before it exists. */
function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    // not there yet: its folder may be a link
    const parent = dirname(file);
    return parent === file ? file : join(realPath(parent), basename(file));
  }
}

function checkpointAndClose(database: Database): void {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // another process is at work on it and will do so
  }
  database.close();
}

function setUp(database: Database, file: string): void {
  database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  database.exec('PRAGMA journal_mode = WAL');
  // a commit that was confirmed survives a loss of power
  database.exec('PRAGMA synchronous = FULL');
  transact(database, 'IMMEDIATE', () => {
    const tables = database.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number };
    if (tables.n === 0) {
      database.exec(schema);
    } else {
      checkSchema(database, `${file} is a database of something else: name a file of its own.`, file);
    }
  });
}

function setUpForReading(database: Database, file: string): void {
  database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  checkSchema(database, `${file} is a database of something else, not a store of tasks.`, file);
}

function checkSchema(database: Database, foreign: string, file: string): void {
  const pragma = (name: string) =>
    Object.values(database.prepare(`PRAGMA ${name}`).get() as object)[0] as number;
  if (pragma('application_id') !== applicationId) throw new StoreError('invalid', foreign);
  if (pragma('user_version') !== schemaVersion) {
    throw new StoreError('invalid', `${file} was written by another version of the engine.`);
  }
}

function transact<T>(database: Database, mode: 'DEFERRED' | 'IMMEDIATE', work: () => T): T {
  database.exec(`BEGIN ${mode}`);
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    try {
      database.exec('ROLLBACK');
    } catch {
      // some failures have rolled back already; the first error is the one that counts
    }
    throw error;
  }
}

/** Milliseconds since the machine was started, the same for every process on it. */
function sinceBoot(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/**
 * A store in a SQLite file, through `node:sqlite` where the runtime has it without a flag (Node from 22.13 on), else
 * through the optional peer `libsql`. The file has to be on a disk of this machine: SQLite's locks do not reach across
 * network file systems.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT where `file` names none. Every call rejects with NOT_CONFIGURED where
 * neither driver is there.
 */
export function sqliteStore(options: SqliteStoreOptions | string): SqliteStore {
  const { file: given, readOnly = false } = typeof options === 'string' ? { file: options } : (options ?? {});
  if (typeof given !== 'string' || given === '' || given.includes('\0')) {
    throw new TaskExecutionError('INVALID_ARGUMENT', 'sqliteStore needs the path of a file.');
  }
  if (given === ':memory:') {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      'sqliteStore keeps files; in memory, use memoryStore().',
    );
  }
  const file = realPath(resolve(given));
  const boot = bootId();
  const watchers = new Watchers();
  let opening: Promise<Connection> | undefined;
  let closed = false;
  let poll: ReturnType<typeof setInterval> | undefined;

  const open = async (): Promise<Connection> => {
    const driver = await loadDriver();
    if (readOnly) return new Reading(file, driver, (database) => setUpForReading(database, file));
    try {
      mkdirSync(dirname(file), { recursive: true });
    } catch (cause) {
      throw new StoreError('denied', `The folder of ${file} cannot be made (${cause}).`, { cause });
    }
    const database = driver.open(file);
    try {
      setUp(database, file);
      return { generation: 0, database: () => database, close: () => checkpointAndClose(database) };
    } catch (error) {
      database.close();
      throw error;
    }
  };

  /** Runs synchronous work on the database; waits, without blocking, while another process holds the lock. */
  const use = async <T>(
    signal: AbortSignalLike | undefined,
    work: (database: Database, generation: number) => T,
  ): Promise<T> => {
    const deadline = performance.now() + busyRetryMs;
    for (let pause = 5; ; pause = Math.min(pause * 2, 100)) {
      checkSignal(signal);
      if (closed) {
        throw new StoreError('invalid', `The store of ${file} was closed.`);
      }
      try {
        opening ??= open();
        const connection = await opening;
        checkSignal(signal);
        return work(connection.database(), connection.generation);
      } catch (error) {
        if (!(await opening?.catch(() => undefined))) {
          opening = undefined;
        }
        if (!isBusy(error) || performance.now() > deadline) {
          throw translate(error, file);
        }
        await new Promise((resume) => setTimeout(resume, pause * (0.5 + Math.random())));
      }
    }
  };

  const present = (row: DocumentRow): StoredDocument => {
    const document = { path: row.path, data: decode(row.json), version: row.version };
    // times before the last start of the machine cannot be compared with ours
    return boot !== undefined && row.written_boot === boot
      ? { ...document, ageMs: Math.max(0, sinceBoot() - row.written_at) }
      : document;
  };

  const find = (database: Database) => {
    const select = database.prepare(`SELECT ${columns} FROM documents WHERE path = ?`);
    return (path: string) => (select.get(path) ?? undefined) as DocumentRow | undefined;
  };

  const write = (database: Database, changes: Changes, version: string): void => {
    const remove = database.prepare('DELETE FROM documents WHERE path = ?');
    const put = database.prepare(
      `INSERT INTO documents (path, collection, id, data, version, written_boot, written_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (path) DO UPDATE SET
         data = excluded.data, version = excluded.version,
         written_boot = excluded.written_boot, written_at = excluded.written_at`,
    );
    for (const [path, json] of changes) {
      if (json === null) {
        remove.run(path);
      } else {
        const { collection, id } = splitPath(path);
        put.run(path, collection, id, json, version, boot ?? null, sinceBoot());
      }
    }
  };

  /** Sees what other connections committed; what this one does is announced at once. */
  const startPolling = () => {
    let seen: string | undefined;
    let blind = false;
    const look = async () => {
      try {
        const version = await use(undefined, (database, generation) => {
          const row = database.prepare('PRAGMA data_version').get();
          return `${generation}:${Object.values(row as object)[0]}`;
        });
        if (blind || (seen !== undefined && version !== seen)) {
          watchers.notify();
        }
        seen = version;
        blind = false;
      } catch {
        // watching is a courtesy: whoever reads or writes hears what is wrong
        blind = true;
      }
    };
    void look();
    poll = setInterval(look, pollMs);
    poll.unref();
  };
  const stopPolling = () => {
    clearInterval(poll);
    poll = undefined;
  };

  const holder = processHolder();
  return {
    id: `sqlite:${file}`,
    limits: { ...localLimits },
    ...(holder ? { holder } : {}),

    async read(paths, { signal } = {}) {
      paths.forEach(checkDocumentPath);
      const rows = await use(signal, (database) =>
        transact(database, 'DEFERRED', () => paths.map(find(database))),
      );
      return rows.map((row) => (row ? present(row) : null));
    },

    async commit(batch, { signal } = {}) {
      if (readOnly) throw new StoreError('denied', `${file} was opened to be read only.`);
      const version = crypto.randomUUID();
      const changes = await use(signal, (database) =>
        transact(database, 'IMMEDIATE', () => {
          const planned = planCommit(batch, find(database), localLimits);
          write(database, planned, version);
          return planned;
        }),
      );
      watchers.notify(changes.keys());
      return { version };
    },

    async list(collection, { after, limit, signal }) {
      checkListing(collection, limit);
      const rows = await use(signal, (database) =>
        database
          .prepare(`SELECT ${columns} FROM documents WHERE collection = ? AND id > ? ORDER BY id LIMIT ?`)
          .all(collection, after ?? '', limit),
      );
      return (rows as DocumentRow[]).map(present);
    },

    async collections() {
      const rows = await use(undefined, (database) => database.prepare(eachCollection).all());
      return (rows as { collection: string }[]).map(({ collection }) => collection);
    },

    watch(paths, onChange) {
      const end = watchers.add(paths, onChange);
      if (poll === undefined && !closed) {
        startPolling();
      }
      return () => {
        end();
        if (watchers.size === 0) {
          stopPolling();
        }
      };
    },

    close() {
      closed = true;
      stopPolling();
      opening?.then(
        (connection) => connection.close(),
        () => undefined, // it never opened, and whoever asked has been told
      );
      opening = undefined;
    },
  };
}
