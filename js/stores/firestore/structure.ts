/** What the store uses of Google's SDK, as structures: firebase-admin and @google-cloud/firestore both have them. */

/** A time with nanoseconds. */
export interface TimestampLike {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** A document as it was read. */
export interface SnapshotLike {
  readonly exists: boolean;
  readonly ref: { readonly path: string };
  readonly readTime: TimestampLike;
  readonly updateTime?: TimestampLike | undefined;
  data(): any;
}

/** A reference to a document. */
export interface DocumentLike {
  readonly path: string;
  onSnapshot(next: (snapshot: any) => void, error: (error: any) => void): () => void;
}

/** A query. */
export interface QueryLike {
  where(field: any, operator: any, value: any): QueryLike;
  orderBy(field: any, direction?: any): QueryLike;
  startAfter(...values: any[]): QueryLike;
  limit(count: number): QueryLike;
  get(): Promise<{ readonly docs: readonly SnapshotLike[] }>;
  onSnapshot(next: (snapshot: any) => void, error: (error: any) => void): () => void;
}

/** Writes that happen together or not at all. */
export interface BatchLike {
  create(document: any, data: any): any;
  update(document: any, precondition: any, ...rest: any[]): any;
  delete(document: any, precondition?: any): any;
  commit(): Promise<ReadonlyArray<{ readonly writeTime: TimestampLike }>>;
}

/** A `Firestore` of firebase-admin or of @google-cloud/firestore. */
export interface FirestoreLike {
  readonly databaseId: string;
  doc(path: string): DocumentLike;
  collection(path: string): QueryLike;
  collectionGroup(id: string): QueryLike;
  getAll(...documents: any[]): Promise<SnapshotLike[]>;
  batch(): BatchLike;
}

/** The classes of the SDK that `db` was made by. */
export interface FirestoreSdk {
  Firestore?: any;
  FieldPath: any;
  FieldValue: any;
  Timestamp: any;
}
