/** What the cases of the conformance suite are made of. */
import type { StoredDocument, StoreWrite, TaskStore } from '../types.js';
import { claim } from './claims.js';

/** A case: throws where the store breaks the contract. `another` may be the same handle. */
export type Check = (store: TaskStore, another: TaskStore) => Promise<void>;

/** The document, which has to be there. */
export async function readOne(store: TaskStore, path: string): Promise<StoredDocument> {
  const [document] = await store.read([path]);
  claim(document !== null && document !== undefined, `${path} is missing`);
  return document;
}

/** A write that creates. */
export const create = (path: string, data: object): StoreWrite => ({ op: 'create', path, data });
/** A write that sets one field. */
export const set = (path: string, field: string[], value: unknown, ifVersion?: string): StoreWrite => ({
  op: 'update',
  path,
  fields: [{ path: field, value }],
  ...(ifVersion === undefined ? {} : { ifVersion }),
});

/** Where most cases write. */
export const task = 'users/u/tasks/t';
