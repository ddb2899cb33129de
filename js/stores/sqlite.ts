/** The store `task-execution-engine/sqlite`: one file, any number of processes on one host. */
import { resolve } from 'node:path';
import { TaskExecutionError } from '../errors.js';
import { logTo } from '../log.js';
import { beneath, clearInterval, monotonicMs, setInterval, setTimeout } from '../platform.js';
import type { AbortSignalLike, StoredDocument, TaskStore } from '../types.js';
import { describeThrown } from '../values.js';
import {
  type Changes,
  checkDocumentPath,
  checkListing,
  checkSignal,
  decode,
  localLimits,
  type Row,
  StoreError,
  splitPath,
} from './documents.js';
import { bootId, processHolder } from './holder.js';
import { ChangesOfOthers, lastChange } from './sqlite-changes.js';
import { SharedCommits } from './sqlite-commits.js';
import { type Database, isBusy, loadDriver, translate } from './sqlite-driver.js';
import { prepared, realPath, setUpForReading, transact, Writing } from './sqlite-file.js';
import { Reading } from './sqlite-reading.js';
import { tasksStatement } from './sqlite-tasks.js';
import { Watchers } from './watchers.js';

/** Where the data is. */
export interface SqliteStoreOptions {
  /**
   * The database file. It is made where it is missing, readable by its owner alone, and so is its folder. One that is
   * there keeps its mode, which the files beside it get too.
   */
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
  /** Closes the file, once what was given before is done. Calls given afterwards fail; closing it again does nothing. */
  close(): void;
}

/** How long a lock that another process holds is waited for. */
const busyRetryMs = 1_000;
/** How soon changes by other processes are seen. */
const pollMs = 100;

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
  /** Another one where the file was opened again. */
  database(): Database;
  close(): void;
}

// Fake timers replace it, and what a fake says would stay in the file.
const { bigint: nanoseconds } = beneath('hrtime', process.hrtime);

/** Milliseconds since the machine was started, the same for every process on it. */
function sinceBoot(): number {
  return Number(nanoseconds() / 1_000n) / 1_000;
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
    return new Writing(file, driver);
  };

  const checkOpen = () => {
    if (closed) throw new StoreError('invalid', `The store of ${file} was closed.`);
  };

  /** Runs synchronous work on the database; waits, without blocking, while another process holds the lock. */
  const use = async <T>(
    work: (database: Database) => T,
    { signal, whenClosed = false }: { signal?: AbortSignalLike | undefined; whenClosed?: boolean } = {},
  ): Promise<T> => {
    const deadline = monotonicMs() + busyRetryMs;
    for (let pause = 5; ; pause = Math.min(pause * 2, 100)) {
      checkSignal(signal);
      if (!whenClosed) checkOpen();
      try {
        opening ??= open();
        const connection = await opening;
        checkSignal(signal);
        return work(connection.database());
      } catch (error) {
        if (!(await opening?.catch(() => undefined))) {
          opening = undefined;
        }
        if (!isBusy(error) || monotonicMs() > deadline) {
          throw translate(error, file);
        }
        await new Promise<void>((resume) => setTimeout(resume, pause * (0.5 + Math.random())));
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
    const select = prepared(database, `SELECT ${columns} FROM documents WHERE path = ?`);
    return (path: string) => (select.get(path) ?? undefined) as DocumentRow | undefined;
  };

  const write = (database: Database, changes: Changes, version: string): void => {
    const remove = prepared(database, 'DELETE FROM documents WHERE path = ?');
    const put = prepared(
      database,
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

  const changes = new ChangesOfOthers();
  const tellOf = (paths: string[] | undefined) => {
    if (paths === undefined) watchers.notifyAll();
    else watchers.notify(paths);
  };

  /** Sees what other connections committed; what this one does is announced at once. */
  const startPolling = () => {
    let blind = false;
    const look = async () => {
      try {
        const paths = await use((database) => changes.since(database));
        tellOf(blind ? undefined : paths);
        blind = false;
      } catch {
        // watching is a courtesy: whoever reads or writes hears what is wrong
        blind = true;
      }
    };
    void look();
    poll = setInterval(() => void look(), pollMs);
    poll.unref();
  };
  const stopPolling = () => {
    clearInterval(poll);
    poll = undefined;
    changes.forget();
  };

  const commits = new SharedCommits({
    // they were given before the store was closed
    use: (work) => use(work, { whenClosed: true }),
    transact(database, work) {
      if (watchers.size === 0) return transact(database, 'IMMEDIATE', work);
      const last = transact(database, 'IMMEDIATE', () => {
        tellOf(changes.since(database));
        work();
        return lastChange(database);
      });
      changes.skipTo(last);
    },
    find,
    write,
    translate: (error) => translate(error, file),
    changed: (paths) => watchers.notify(paths),
  });
  const holder = processHolder();
  return {
    id: `sqlite:${file}`,
    limits: { ...localLimits },
    ...(holder ? { holder } : {}),

    async read(paths, { signal } = {}) {
      paths.forEach(checkDocumentPath);
      const rows = await use(
        (database) => {
          const all = () => paths.map(find(database));
          // a statement by itself sees one state of the database anyway
          return paths.length === 1 ? all() : transact(database, 'DEFERRED', all);
        },
        { signal },
      );
      return rows.map((row) => (row ? present(row) : null));
    },

    async commit(batch, { signal } = {}) {
      if (readOnly) throw new StoreError('denied', `${file} was opened to be read only.`);
      checkSignal(signal);
      checkOpen();
      return commits.add(batch, signal);
    },

    async list(collection, { after, limit, signal }) {
      checkListing(collection, limit);
      const rows = await use(
        (database) =>
          prepared(
            database,
            `SELECT ${columns} FROM documents WHERE collection = ? AND id > ? ORDER BY id LIMIT ?`,
          ).all(collection, after ?? '', limit),
        { signal },
      );
      return (rows as DocumentRow[]).map(present);
    },

    async tasks(query) {
      const { sql, values } = tasksStatement(columns, query);
      const rows = await use((database) => prepared(database, sql).all(...values), { signal: query.signal });
      return (rows as DocumentRow[]).map(present);
    },

    async collections() {
      const rows = await use((database) => prepared(database, eachCollection).all());
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
      if (closed) return;
      closed = true;
      stopPolling();
      const end = async () => {
        // what was given before is still made
        await commits.idle;
        // where it never opened, whoever asked has been told
        const connection = await opening?.catch(() => undefined);
        opening = undefined;
        connection?.close();
      };
      // nobody waits for it, and what was confirmed is on disk
      end().catch((thrown) => {
        logTo(
          console,
          'error',
          `The store of ${file} was not closed well: ${describeThrown(thrown).message}`,
        );
      });
    },
  };
}
