import { closeSync, mkdirSync, openSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { StoreError } from './documents.js';
import type { Database, Driver, Statement } from './sqlite-driver.js';
import { checkTables, makeTables } from './sqlite-schema.js';

/** SQLite waits by blocking the event loop: briefly, then it is tried again from outside. */
const busyTimeoutMs = 20;

/** Twice what the log comes to while nobody is in its way: bytes. */
const longestLog = 8 * 2 ** 20;

const mostLinks = 40;

/** The file's own path, whatever links lead to it, also before it exists. */
export function realPath(file: string, links = 0): string {
  try {
    return realpathSync(file);
  } catch {
    // not there yet
  }
  const target = links < mostLinks ? targetOf(file) : undefined;
  if (target !== undefined) return realPath(resolve(dirname(file), target), links + 1);
  // its folder may be a link
  const parent = dirname(file);
  return parent === file ? file : join(realPath(parent, links), basename(file));
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    // none, or nothing at all
    return undefined;
  }
}

/**
 * Makes an empty file that only its owner may read; SQLite gives those beside it the same mode. One that is there keeps
 * the mode that it has.
 */
function makeForOwner(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch {
    // it is there, or cannot be made: then SQLite says why
  }
}

/** Opens the database of ours that is at this path, or makes one. */
function openForWriting(file: string, driver: Driver): Database {
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (cause) {
    throw new StoreError('denied', `The folder of ${file} cannot be made (${cause}).`, { cause });
  }
  makeForOwner(file);
  const database = driver.open(file);
  try {
    setUp(database, file);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The database, its log, and the index of that, as files. */
type Inodes = (number | undefined)[];

function inodesOf(file: string): Inodes {
  return ['', '-wal', '-shm'].map((end) => statSync(file + end, { throwIfNoEntry: false })?.ino);
}

/**
 * A database that is written. Where its files are deleted or replaced in use, SQLite goes on in what has no name any
 * more, and everything it confirms ends with the process; so before each use they are looked at.
 */
export class Writing {
  readonly #file: string;
  readonly #database: Database;
  readonly #inodes: Inodes;

  constructor(file: string, driver: Driver) {
    this.#file = file;
    this.#database = openForWriting(file, driver);
    this.#inodes = inodesOf(file);
  }

  /** @throws StoreError `invalid` where the files are no longer those that were opened */
  database(): Database {
    if (this.#isThere()) return this.#database;
    throw new StoreError(
      'invalid',
      `${this.#file}, or the log beside it, was deleted or replaced while it was in use, as another SQLite library of this process does when it closes the file; nothing more is stored in it. Stop every process that uses it, see that the right file is there, and start them again.`,
    );
  }

  close(): void {
    kept.delete(this.#database);
    try {
      if (this.#isThere()) emptyLog(this.#database);
    } finally {
      // SQLite leaves alone what is there under the name of a file that is gone
      this.#database.close();
    }
  }

  #isThere(): boolean {
    // Windows keeps open files from being deleted
    if (process.platform === 'win32') return true;
    const now = inodesOf(this.#file);
    // a log that was not needed before
    for (const [n, inode] of now.entries()) this.#inodes[n] ??= inode;
    if (now.every((inode, n) => inode === this.#inodes[n])) return true;
    const [database, ...beside] = now;
    const ours = beside.every((inode, n) => inode === undefined || inode === this.#inodes[n + 1]);
    // only the log is gone, and nobody has begun another: what it holds is not lost yet
    if (database === this.#inodes[0] && ours) emptyLog(this.#database);
    return false;
  }
}

/** Brings what is in the log into the database. */
function emptyLog(database: Database): void {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // another process is at work on it and will do so
  }
}

function setUp(database: Database, file: string): void {
  database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  const mode = database.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string };
  if (mode.journal_mode !== 'wal') {
    // SQLite says nothing and goes on without, with locks that readers do not know of
    throw new StoreError(
      'invalid',
      `${file} is on a file system that cannot share memory between processes, as SQLite's log needs it: put it on a disk of this machine.`,
    );
  }
  // a commit that was confirmed survives a loss of power
  database.exec('PRAGMA synchronous = FULL');
  // a reader that kept the log from being emptied has let it grow: afterwards the disk gets that back
  database.exec(`PRAGMA journal_size_limit = ${longestLog}`);
  transact(database, 'IMMEDIATE', () => makeTables(database, file));
}

export function setUpForReading(database: Database, file: string): void {
  database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  checkTables(database, file);
}

const kept = new WeakMap<Database, Map<string, Statement>>();

/** A statement that is compiled once a database. */
export function prepared(database: Database, sql: string): Statement {
  const statements = kept.get(database) ?? new Map<string, Statement>();
  kept.set(database, statements);
  const statement = statements.get(sql) ?? database.prepare(sql);
  statements.set(sql, statement);
  return statement;
}

/** Runs the work in a transaction. Where either fails, nothing of it is stored. */
export function transact<T>(database: Database, mode: 'DEFERRED' | 'IMMEDIATE', work: () => T): T {
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
