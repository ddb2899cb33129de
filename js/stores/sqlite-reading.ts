import { statSync } from 'node:fs';
import { StoreError } from './documents.js';
import { type Database, type Driver, translate } from './sqlite-driver.js';

/**
 * A database file that is only read. SQLite makes two files beside a database when it is opened, unless it is told that
 * nobody writes; so that is what it is told as long as nobody does, and the file is opened again when somebody has.
 */
export class Reading {
  readonly #file: string;
  readonly #driver: Driver;
  readonly #check: (database: Database) => void;
  #database: Database | undefined;
  /** What the file was when it was opened as one that nobody writes; undefined where somebody does. */
  #frozen: string | undefined;

  /** `check` throws where the database is none of ours. */
  constructor(file: string, driver: Driver, check: (database: Database) => void) {
    this.#file = file;
    this.#driver = driver;
    this.#check = check;
  }

  /**
   * The database as it is now.
   *
   * @throws StoreError `not_found` where the file is missing, and what `check` throws
   */
  database(): Database {
    const isWritten = sizeOf(`${this.#file}-wal`) !== undefined;
    if (this.#database !== undefined) {
      const isCurrent =
        this.#frozen === undefined ? isWritten : !isWritten && this.#frozen === sizeOf(this.#file);
      if (isCurrent) return this.#database;
      this.close();
    }
    const now = sizeOf(this.#file);
    if (now === undefined) throw new StoreError('not_found', `${this.#file} does not exist.`);
    if (!statSync(this.#file).isFile()) throw new StoreError('invalid', `${this.#file} is not a file.`);
    const database = this.#driver.openForReading(this.#file, !isWritten);
    try {
      this.#check(database);
    } catch (error) {
      database.close();
      throw translate(error, this.#file);
    }
    this.#database = database;
    this.#frozen = isWritten ? undefined : now;
    return database;
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }
}

/** Changes with every write to a file; undefined where there is none. */
function sizeOf(file: string): string | undefined {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false });
  return found && `${found.ino} ${found.size} ${found.mtimeNs}`;
}
