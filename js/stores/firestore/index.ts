/** The stores `task-execution-engine/firestore`. */
export { type FirestoreRestOptions, firestoreRestStore } from './rest.js';
export { type FirestoreStoreOptions, firestoreStore } from './sdk.js';
export type {
  BatchLike,
  DocumentLike,
  FirestoreLike,
  FirestoreSdk,
  QueryLike,
  SnapshotLike,
  TimestampLike,
} from './structure.js';
