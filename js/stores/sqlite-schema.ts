import { StoreError } from './documents.js';
import type { Database } from './sqlite-driver.js';

/** Marks a database as ours: 'task'. */
const applicationId = 0x7461736b;

const documents = `
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
`;

/** Half a second of as many changes as a disk takes: whoever is further behind looks at everything. */
const changesKept = 2_000;
/** So many changes that older ones are deleted together. */
const changesDeletedAfter = 500;

const toldBy = (what: 'INSERT' | 'UPDATE' | 'DELETE', row: 'new' | 'old') => `
  CREATE TRIGGER documents_after_${what.toLowerCase()} AFTER ${what} ON documents BEGIN
    INSERT INTO changes (path) VALUES (${row}.path);
  END;`;

/**
 * The paths of the last changes, numbered without a gap. The database itself keeps them, so that none is missing, whoever
 * writes. The first row is no change: there is always one to go on from.
 */
const changes = `
  CREATE TABLE changes (n INTEGER PRIMARY KEY NOT NULL, path TEXT NOT NULL);
  INSERT INTO changes (n, path) VALUES (0, '');
  ${toldBy('INSERT', 'new')}
  ${toldBy('UPDATE', 'new')}
  ${toldBy('DELETE', 'old')}
  CREATE TRIGGER changes_are_few AFTER INSERT ON changes WHEN new.n % ${changesDeletedAfter} = 0 BEGIN
    DELETE FROM changes WHERE n <= new.n - ${changesKept};
  END;
`;

/** What each version of the schema adds to the one before. */
const additions = [documents, changes];

/**
 * Makes the tables, or those that an older version has not made. Within a transaction.
 *
 * @throws StoreError `invalid` where the database is none of ours, or of a newer version
 */
export function makeTables(database: Database, file: string): void {
  const { n } = database.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number };
  if (n > 0) checkOurs(database, `${file} is a database of something else: name a file of its own.`);
  const made = n > 0 ? pragma(database, 'user_version') : 0;
  if (made > additions.length || (n > 0 && made < 1)) throw ofAnotherVersion(file);
  if (made === additions.length) return;
  for (const addition of additions.slice(made)) database.exec(addition);
  database.exec(`PRAGMA user_version = ${additions.length}`);
}

/** @throws StoreError `invalid` where the database is none of ours, or of another version */
export function checkTables(database: Database, file: string): void {
  checkOurs(database, `${file} is a database of something else, not a store of tasks.`);
  if (pragma(database, 'user_version') !== additions.length) throw ofAnotherVersion(file);
}

function checkOurs(database: Database, foreign: string): void {
  if (pragma(database, 'application_id') !== applicationId) throw new StoreError('invalid', foreign);
}

function ofAnotherVersion(file: string): StoreError {
  return new StoreError('invalid', `${file} was written by another version of the engine.`);
}

function pragma(database: Database, name: string): number {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() as object)[0] as number;
}
