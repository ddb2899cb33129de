/**
 * What every local store shares: documents as JSON text, held to the rules that Firestore has too, so that what works
 * on a laptop works in production.
 */
import type { AbortSignalLike, FieldUpdate, StoreErrorCode, StoreWrite } from '../types.js';
import { utf8Length } from '../values.js';
import { Kept } from './kept.js';

/** Limits of the stores without a server. */
export const localLimits = { documentBytes: 1_000_000, commitBytes: 64_000_000 } as const;

/** What a document may have beside its one long string: the difference to Firestore's 1 MiB. */
const besideTheString = 48_576;

/** Firestore's limit on nesting. */
const deepest = 20;

/** What stores throw. */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  constructor(
    readonly code: StoreErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message);
    if (options) {
      Object.defineProperty(this, 'cause', { value: options.cause, configurable: true });
    }
  }
}

/** Refuses to begin what nobody waits for any more. Nothing has been written then. */
export function checkSignal(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted) {
    throw new StoreError('unavailable', 'The call was aborted before it began.');
  }
}

/** The collection that a document is in, and its id there. */
export function splitPath(path: string): { collection: string; id: string } {
  const cut = path.lastIndexOf('/');
  return { collection: path.slice(0, cut), id: path.slice(cut + 1) };
}

const loneSurrogate = /\p{Surrogate}/u;
const longestId = 1_500;

/** Firestore takes such ids, which files, logs and drivers cut or show as something else. */
export function hasControl(id: string): boolean {
  return /\p{Control}/u.test(id);
}

/** Why no document can have this id in any store; undefined where one may. */
function objection(id: string): string | undefined {
  if (id === '') return 'an id is empty';
  if (id === '.' || id === '..') return `an id is '${id}'`;
  if (isReserved(id)) return 'an id begins and ends with two underscores';
  if (loneSurrogate.test(id)) return 'an id contains a lone surrogate';
  if (id.length > longestId || utf8Length(id) > longestId) return 'an id is longer than 1,500 bytes';
  if (hasControl(id)) return 'an id contains a control character';
  return undefined;
}

function refusePath(path: unknown, what: string, why: string): never {
  const shown = typeof path === 'string' ? JSON.stringify(path.slice(0, 200)) : `A ${typeof path}`;
  throw new StoreError(
    'invalid',
    `${shown.replace(/\p{Control}/gu, '\uFFFD')} is no path of a ${what}: ${why}.`,
  );
}

function checkSegments(path: unknown, parity: 0 | 1, what: string): asserts path is string {
  if (typeof path !== 'string') refusePath(path, what, 'a path is a string');
  const segments = path.split('/');
  const why = segments.map(objection).find((reason) => reason !== undefined);
  if (why !== undefined) refusePath(path, what, why);
  if (segments.length % 2 !== parity) refusePath(path, what, 'it has another number of segments');
}

/** @throws StoreError `invalid` */
export function checkDocumentPath(path: unknown): asserts path is string {
  checkSegments(path, 0, 'document');
}

/** @throws StoreError `invalid` */
export function checkCollectionPath(path: unknown): asserts path is string {
  checkSegments(path, 1, 'collection');
}

/** Names that Firestore keeps for itself; `__proto__` is one of them. */
function isReserved(name: string): boolean {
  return name.length >= 4 && name.startsWith('__') && name.endsWith('__');
}

interface Size {
  strings: number;
  document: number;
}

/** Checks a value as Firestore would, and adds up what it takes there. */
function measure(value: unknown, depth: number, inArray: boolean, at: string, size: Size): void {
  const refuse: (what: string) => never = (what) => {
    throw new StoreError(
      'invalid',
      `${what} cannot be stored (field ${at === '' ? 'root' : at.slice(0, 200)}).`,
    );
  };
  switch (typeof value) {
    case 'string': {
      if (loneSurrogate.test(value)) {
        refuse('A lone surrogate');
      }
      const bytes = utf8Length(value);
      size.strings += bytes;
      size.document += bytes + 1;
      return;
    }
    case 'number':
      size.document += 8;
      if (!Number.isFinite(value)) {
        refuse(String(value));
      }
      return;
    case 'boolean':
      size.document += 1;
      return;
    case 'object':
      break;
    default:
      refuse(`A value of type ${typeof value}`);
  }
  if (value === null) {
    size.document += 1;
    return;
  }
  if (value instanceof Kept) {
    // it was there before: its database takes it
    size.document += 8 + utf8Length(JSON.stringify(value.plain));
    return;
  }
  if (depth > deepest) {
    refuse(`Nesting of more than ${deepest} levels`);
  }
  if (Array.isArray(value)) {
    if (inArray) {
      refuse('An array in an array');
    }
    for (let i = 0; i < value.length; i++) {
      measure(value[i], depth + 1, true, `${at}[${i}]`, size);
    }
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    refuse('An object with a class');
  }
  if (Object.prototype.toString.call(value) !== '[object Object]') {
    refuse('An object that is no plain object');
  }
  for (const key of Object.keys(value)) {
    checkKey(key);
    size.document += utf8Length(key) + 1;
    measure(Reflect.get(value, key), depth + 1, false, at === '' ? key : `${at}.${key}`, size);
  }
}

function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || key === '' || isReserved(key) || loneSurrogate.test(key)) {
    throw new StoreError('invalid', `${JSON.stringify(key)} cannot be the name of a field.`);
  }
}

/** Runs what touches values of the caller, whose getters and proxies may throw. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof StoreError
      ? cause
      : new StoreError('invalid', 'The data of a document could not be read.', { cause });
  }
}

/** Checks the data of a whole document; returns the bytes of its strings. */
function checkData(data: unknown, limits: { documentBytes: number }): number {
  const size: Size = { strings: 0, document: 0 };
  reading(() => {
    if (data === null || typeof data !== 'object' || Array.isArray(data)) {
      throw new StoreError('invalid', 'The data of a document must be an object.');
    }
    measure(data, 1, false, '', size);
  });
  if (size.document > limits.documentBytes + besideTheString) {
    throw new StoreError('too_large', `A document of ${size.document} bytes is over the limit.`);
  }
  return size.strings;
}

/**
 * A document's data as JSON text.
 *
 * @throws StoreError `invalid` or `too_large`
 */
export function encode(data: unknown, limits: { documentBytes: number }): { json: string; strings: number } {
  const strings = checkData(data, limits);
  return { json: reading(() => JSON.stringify(data)), strings };
}

/** Data out of JSON text that `encode` made. */
export function decode(json: string): Record<string, unknown> {
  return JSON.parse(json) as Record<string, unknown>;
}

/** Makes the changes of an update, in place. */
export function applyFields(data: Record<string, unknown>, fields: FieldUpdate[]): void {
  for (const { path, value, delete: remove } of fields) {
    const last = path[path.length - 1] as string;
    const parent = objectAt(data, path.slice(0, -1), remove !== true);
    if (remove && parent) {
      delete parent[last];
    } else if (parent) {
      parent[last] = value;
    }
  }
}

/** Checks the fields of an update; returns the bytes of the strings that it writes. */
function checkFields(path: string, fields: FieldUpdate[]): number {
  const size: Size = { strings: 0, document: 0 };
  reading(() => {
    if (!Array.isArray(fields)) {
      throw new StoreError('invalid', `The update of ${path} has no fields.`);
    }
    for (const { path, value, delete: remove } of fields) {
      if (!Array.isArray(path) || path.length === 0) {
        throw new StoreError('invalid', 'A field of an update needs a path.');
      }
      path.forEach(checkKey);
      if (!remove) measure(value, path.length + 1, false, path.join('.'), size);
    }
  });
  return size.strings;
}

/**
 * Checks a commit as far as that needs no stored document: what a server would refuse, or would store otherwise than
 * it was given.
 *
 * @throws StoreError `invalid` or `too_large`
 */
export function checkCommit(
  writes: StoreWrite[],
  limits: { documentBytes: number; commitBytes: number },
): void {
  checkSome(writes);
  let strings = 0;
  for (const write of writes) {
    checkDocumentPath(write?.path);
    switch (write.op) {
      case 'create':
        strings += checkData(write.data, limits);
        break;
      case 'update':
        strings += checkFields(write.path, write.fields);
        break;
      case 'delete':
        break;
      default:
        throw noWrite(write);
    }
  }
  checkCommitSize(strings, limits);
}

function checkSome(writes: StoreWrite[]): void {
  if (!Array.isArray(writes) || writes.length === 0) {
    throw new StoreError('invalid', 'A commit needs at least one write.');
  }
}

function noWrite(write: { op?: unknown }): StoreError {
  return new StoreError('invalid', `${JSON.stringify(write.op)} is no write.`);
}

function checkCommitSize(strings: number, limits: { commitBytes: number }): void {
  if (strings > limits.commitBytes) {
    throw new StoreError('too_large', `A commit of ${strings} bytes is over the limit.`);
  }
}

/** The object at the end of a path. What is missing or no object on the way is made, or there is none. */
function objectAt(
  data: Record<string, unknown>,
  path: string[],
  make: boolean,
): Record<string, unknown> | undefined {
  let object = data;
  for (const step of path) {
    let next = Object.hasOwn(object, step) ? object[step] : undefined;
    if (next === null || typeof next !== 'object' || Array.isArray(next)) {
      if (!make) {
        return undefined;
      }
      next = {};
      object[step] = next;
    }
    object = next as Record<string, unknown>;
  }
  return object;
}

/** A stored document, before or after a commit. */
export interface Row {
  json: string;
  version: string;
}

/** What a commit comes to: the new text of each document, null where it is deleted. */
export type Changes = Map<string, string | null>;

/**
 * Works out a commit without writing anything. Writes see the ones before them.
 *
 * @throws StoreError as the contract of `TaskStore.commit` says
 */
export function planCommit(
  writes: StoreWrite[],
  current: (path: string) => Row | undefined,
  limits: { documentBytes: number; commitBytes: number },
): Changes {
  checkSome(writes);
  const changes: Changes = new Map();
  let strings = 0;
  for (const write of writes) {
    checkDocumentPath(write?.path);
    const { path } = write;
    const stored = current(path);
    const changed = changes.get(path);
    const json = changed === undefined ? stored?.json : (changed ?? undefined);
    switch (write.op) {
      case 'create': {
        if (json !== undefined) {
          throw new StoreError('exists', `${path} exists already.`);
        }
        const encoded = encode(write.data, limits);
        strings += encoded.strings;
        changes.set(path, encoded.json);
        break;
      }
      case 'update': {
        if (json === undefined) {
          throw new StoreError('not_found', `${path} does not exist.`);
        }
        checkVersion(path, write.ifVersion, stored);
        strings += checkFields(path, write.fields);
        const data = decode(json);
        applyFields(data, write.fields);
        changes.set(path, encode(data, limits).json);
        break;
      }
      case 'delete':
        checkVersion(path, write.ifVersion, stored);
        changes.set(path, null);
        break;
      default:
        throw noWrite(write);
    }
  }
  checkCommitSize(strings, limits);
  return changes;
}

function checkVersion(path: string, wanted: string | undefined, stored: Row | undefined): void {
  if (wanted !== undefined && stored?.version !== wanted) {
    throw new StoreError('conflict', `${path} has changed since it was read.`);
  }
}

/** Orders ids as databases do, by their UTF-8 bytes. */
export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [rank(a.charCodeAt(i)), rank(b.charCodeAt(i))];
    if (x !== y) {
      return x - y;
    }
  }
  return a.length - b.length;
}

/** Surrogates stand for code points beyond every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Checks the options of `list`. */
export function checkListing(collection: unknown, limit: unknown): void {
  checkCollectionPath(collection);
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1) {
    throw new StoreError('invalid', 'limit must be a whole number of at least 1.');
  }
}
