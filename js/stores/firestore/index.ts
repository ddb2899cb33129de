/** The stores `task-execution-engine/firestore`. */
export { type FetchLike, type FirestoreRestOptions, firestoreRestStore } from './rest.js';
export { type FirestoreStoreOptions, firestoreStore } from './sdk.js';
export { fromTaskDatabaseService, type TaskServiceStore } from './service.js';
export type { TaskDatabaseServiceLike } from './service-structure.js';
export type {
  BatchLike,
  DocumentLike,
  FirestoreLike,
  FirestoreSdk,
  QueryLike,
  SnapshotLike,
  TimestampLike,
} from './structure.js';
