import { pathToFileURL } from 'node:url';
import { loadPeer } from '#peers';
import { TaskExecutionError } from '../errors.js';
import type { StoreErrorCode } from '../types.js';
import { describeThrown } from '../values.js';
import { StoreError } from './documents.js';

/** What `node:sqlite` and `libsql` have in common. */
export interface Database {
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): void;
}

/** A prepared statement. */
export interface Statement {
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
  run(...values: unknown[]): unknown;
}

/** Opens a file to read and write it. */
export type OpenDatabase = (file: string) => Database;

/** A way into SQLite. */
export interface Driver {
  open: OpenDatabase;
  /**
   * Opens a file that is there for reading. `frozen` promises that nobody writes meanwhile: no file is made beside the
   * database then.
   */
  openForReading(file: string, frozen: boolean): Database;
}

function uriOf(file: string, frozen: boolean): string {
  return `${pathToFileURL(file).href}?mode=ro${frozen ? '&immutable=1' : ''}`;
}

/** `node:sqlite` where this runtime has it without a flag. */
function builtIn(): Driver | undefined {
  const getBuiltin: unknown = Reflect.get(process, 'getBuiltinModule');
  const found: unknown =
    typeof getBuiltin === 'function' ? getBuiltin.call(process, 'node:sqlite') : undefined;
  const { DatabaseSync } = (found ?? {}) as {
    DatabaseSync?: new (file: string, options?: { readOnly: boolean }) => Database;
  };
  if (DatabaseSync === undefined) return undefined;
  return {
    open: (file) => new DatabaseSync(file),
    openForReading(file, frozen) {
      const readOnly = { readOnly: true };
      try {
        return new DatabaseSync(uriOf(file, frozen), readOnly);
      } catch (error) {
        // the first versions of it take a URI for the name of a file
        if (primaryCode(error) !== 14) throw error;
        return new DatabaseSync(file, readOnly);
      }
    },
  };
}

async function peer(): Promise<Driver> {
  const Constructor = Reflect.get(await loadPeer('libsql'), 'default') as new (file: string) => Database;
  return {
    open: (file) => new Constructor(file),
    openForReading: (file, frozen) => new Constructor(uriOf(file, frozen)),
  };
}

/**
 * The driver of this runtime.
 *
 * @throws TaskExecutionError NOT_CONFIGURED, saying what to install, where there is none.
 */
export async function loadDriver(): Promise<Driver> {
  const own = builtIn();
  if (own) {
    return own;
  }
  try {
    return await peer();
  } catch (cause) {
    throw new TaskExecutionError(
      'NOT_CONFIGURED',
      `SQLite needs Node 22.13 or newer, or the package 'libsql' (${describeThrown(cause).message.split('\n')[0]}). ` +
        'Run: npm install libsql',
      { cause },
    );
  }
}

/** Primary result codes of SQLite (https://sqlite.org/rescode.html) that are more than `unavailable`. */
const meanings: Record<number, [code: StoreErrorCode, name: string]> = {
  1: ['invalid', 'ERROR'],
  3: ['denied', 'PERM'],
  8: ['denied', 'READONLY'],
  11: ['invalid', 'CORRUPT'],
  14: ['denied', 'CANTOPEN'],
  18: ['too_large', 'TOOBIG'],
  23: ['denied', 'AUTH'],
  26: ['invalid', 'NOTADB'],
};

function primaryCode(error: unknown): number | undefined {
  const { errcode, rawCode } = error as { errcode?: unknown; rawCode?: unknown };
  // libsql has the code of a file that it cannot open in the text alone
  const inText = /^ConnectionFailed\(".*: (\d+)"\)$/s.exec(describeThrown(error).message)?.[1];
  const raw = errcode ?? rawCode ?? (inText === undefined ? undefined : Number(inText));
  return typeof raw === 'number' ? raw & 0xff : undefined;
}

/** Whether another connection holds the lock that was needed. */
export function isBusy(error: unknown): boolean {
  const code = error instanceof Error ? primaryCode(error) : undefined;
  return code === 5 || code === 6;
}

/** What a driver threw, in the terms of `TaskStore`. */
export function translate(error: unknown, file: string): unknown {
  if (error instanceof StoreError || TaskExecutionError.is(error)) {
    return error;
  }
  const { message } = describeThrown(error);
  const code = error instanceof Error ? primaryCode(error) : undefined;
  const [kind, name] = (code !== undefined && meanings[code]) || ['unavailable', ''];
  const what: Record<string, string> = {
    NOTADB: `${file} is not a SQLite database`,
    CORRUPT: `${file} is damaged: restore a backup, or begin with a new file`,
    CANTOPEN: `${file} cannot be opened`,
    READONLY: `${file} is read-only`,
  };
  return new StoreError(kind, `${what[name] ?? `SQLite failed on ${file}`} (${message}).`, { cause: error });
}
