import type { JournalEntry, StoredDocument, TaskStore } from '../../types.js';

/** One of the facts of an entry, by what it says it is. */
export interface Fact {
  kind: string;
  [field: string]: unknown;
}

/** An entry whose facts can be read, whatever they say. */
export interface ReadableEntry extends JournalEntry {
  data: { facts: Fact[] };
}

/** What a journal holds at a place: an entry, or why there is none that can be read. */
export type Piece = { entry: ReadableEntry } | { problem: string; seq: number };

interface Parts {
  seq: number;
  head: StoredDocument;
  writeId: unknown;
  json: string;
  next: number;
}

const pageSize = 200;

/**
 * Reads a journal as it is stored, and goes on where something is wrong with it: the engine, which has to go on from
 * what it reads, refuses such a journal as a whole. Holds one entry at a time.
 */
export class JournalReader {
  readonly #store: TaskStore;
  readonly #collection: string;
  #epoch = 0;
  /** Of the last entry that was there, readable or not. */
  last = 0;

  constructor(store: TaskStore, taskPath: string) {
    this.#store = store;
    this.#collection = `${taskPath}/journal`;
  }

  /** What has been stored since the last call. */
  async *news(): AsyncGenerator<Piece> {
    let parts: Parts | undefined;
    let after = this.last > 0 ? `${String(this.last).padStart(8, '0')}.~` : undefined;
    for (;;) {
      const documents = await this.#store.list(this.#collection, {
        limit: pageSize,
        ...(after !== undefined && { after }),
      });
      for (const document of documents) {
        const id = idOf(document);
        const [, number, continuation] = /^(\d{8,15})(?:\.(\d{4,9}))?$/.exec(id) ?? [];
        if (number === undefined) {
          yield { problem: `the document ${id} does not belong there`, seq: parts?.seq ?? this.last };
        } else if (continuation === undefined) {
          if (parts) yield* this.#finish(parts);
          const { write_id: writeId, json } = document.data;
          parts = { seq: Number(number), head: document, writeId, json: text(json), next: 1 };
        } else if (
          parts?.seq === Number(number) &&
          parts.next === Number(continuation) &&
          parts.writeId === document.data.write_id
        ) {
          parts.json += text(document.data.json);
          parts.next += 1;
        } else {
          yield { problem: `the document ${id} continues nothing`, seq: Number(number) };
        }
      }
      const end = documents.at(-1);
      if (documents.length < pageSize || end === undefined) break;
      after = idOf(end);
    }
    if (parts) yield* this.#finish(parts);
  }

  *#finish(parts: Parts): Generator<Piece> {
    const { seq, head } = parts;
    const expected = this.last + 1;
    if (seq > expected) yield { problem: missing(expected, seq - 1), seq: expected };
    this.last = seq;
    const entry = entryOf(parts);
    if (typeof entry === 'string') {
      yield { problem: `entry ${seq} cannot be read: ${entry}`, seq };
      return;
    }
    if (entry.epoch < this.#epoch) {
      yield { problem: `entry ${seq} has the lease ${entry.epoch} after ${this.#epoch}`, seq };
    }
    if (head.data.seq !== seq) yield { problem: `entry ${seq} holds another number`, seq };
    this.#epoch = Math.max(this.#epoch, entry.epoch);
    yield { entry };
  }
}

/** Says which entries are not there. */
export function missing(from: number, to: number): string {
  return from === to ? `entry ${from} is missing` : `entries ${from} to ${to} are missing`;
}

function entryOf({ seq, head, json }: Parts): ReadableEntry | string {
  const { epoch, write_id, at, kinds } = head.data;
  if (typeof epoch !== 'number' || typeof write_id !== 'string') return 'it has no epoch or no write_id';
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const facts = data !== null && typeof data === 'object' ? Reflect.get(data, 'facts') : undefined;
  if (!Array.isArray(facts) || !facts.every(isFact)) return 'it holds no facts';
  return {
    seq,
    epoch,
    write_id,
    at: text(at),
    kinds: Array.isArray(kinds) ? kinds.map(String) : facts.map(({ kind }) => kind),
    data: data as { facts: Fact[] },
  };
}

function isFact(value: unknown): value is Fact {
  return value !== null && typeof value === 'object' && typeof Reflect.get(value, 'kind') === 'string';
}

function idOf({ path }: StoredDocument): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
