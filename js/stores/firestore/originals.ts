import type { FieldUpdate, StoreWrite } from '../../types.js';
import { StoreError } from '../documents.js';
import { type Foreign, foreignAt, foreignIn, lookRestored, restore, weight, withForeign } from './foreign.js';

const mostDocuments = 10_000;
const mostWeight = 32 * 2 ** 20;

interface Known {
  readonly version: string;
  readonly foreign: Foreign | undefined;
  readonly weight: number;
}

/** The app's own documents, which may hold anything. What lies below them is the engine's, and JSON. */
export function isTaskPath(path: unknown): path is string {
  return typeof path === 'string' && /^users\/[^/]+\/tasks\/[^/]+$/.test(path);
}

/**
 * Remembers what the task documents that were read hold beyond JSON, so that updates leave it as it is. What is
 * forgotten is read again before it is needed.
 */
export class Originals {
  readonly #known = new Map<string, Known>();
  #weight = 0;

  /** A document was read, or stored, and is so now. */
  see(path: string, version: string, foreign: Foreign | undefined): void {
    this.#forget(path);
    const known = { version, foreign, weight: weight(foreign) };
    this.#known.set(path, known);
    this.#weight += known.weight;
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= mostDocuments && this.#weight <= mostWeight) break;
      if (oldest !== path) this.#forget(oldest);
      else break;
    }
  }

  #forget(path: string): void {
    this.#weight -= this.#known.get(path)?.weight ?? 0;
    this.#known.delete(path);
  }

  /**
   * The writes, with what they give back unchanged as it was.
   *
   * @param look reads a document, and calls `see` for it
   * @param time makes a time of the database of an ISO 8601 text
   */
  async restored(
    writes: StoreWrite[],
    look: (path: string) => Promise<unknown>,
    time: (iso: string) => unknown,
  ): Promise<StoreWrite[]> {
    if (!Array.isArray(writes)) return writes;
    const made: StoreWrite[] = [];
    for (const write of writes) {
      if (write?.op !== 'update' || !isTaskPath(write.path) || !Array.isArray(write.fields)) {
        made.push(write);
        continue;
      }
      if (!this.#isOf(write)) await look(write.path);
      const foreign = this.#isOf(write) ? this.#known.get(write.path)?.foreign : undefined;
      made.push(foreign === undefined ? write : { ...write, fields: around(foreign, write.fields, time) });
    }
    return made;
  }

  /** Writes that `restored` has made were stored. */
  stored(writes: StoreWrite[], version: string): void {
    for (const write of writes) {
      if (!isTaskPath(write.path)) continue;
      if (write.op === 'create') this.see(write.path, version, undefined);
      else if (write.op === 'delete' || !this.#isOf(write)) this.#forget(write.path);
      else this.see(write.path, version, after(this.#known.get(write.path)?.foreign, write.fields));
    }
  }

  /** Whether the version that a write goes out from is the one that is known. */
  #isOf({ path, ifVersion }: { path: string; ifVersion?: string | undefined }): boolean {
    const known = this.#known.get(path);
    return known !== undefined && (ifVersion === undefined || known.version === ifVersion);
  }
}

function around(foreign: Foreign, fields: FieldUpdate[], time: (iso: string) => unknown): FieldUpdate[] {
  try {
    return fields.map((field) =>
      field.delete || !Array.isArray(field.path)
        ? field
        : { ...field, value: restore(field.value, foreignAt(foreign, field.path), time) },
    );
  } catch (cause) {
    throw new StoreError('invalid', 'The fields of an update could not be read.', { cause });
  }
}

function after(foreign: Foreign | undefined, fields: FieldUpdate[]): Foreign | undefined {
  if (foreign === undefined) return undefined;
  return fields.reduce<Foreign | undefined>(
    (made, { path, value, delete: remove }) =>
      withForeign(made, path, remove ? undefined : foreignIn(value, lookRestored)),
    foreign,
  );
}
