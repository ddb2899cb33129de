// Compiles where the store takes a database of the SDKs as they are installed beside the package.
import { Firestore } from '@google-cloud/firestore';
import { getFirestore } from 'firebase-admin/firestore';
import { firestoreStore, fromTaskDatabaseService } from 'task-execution-engine/firestore';

export const stores = [firestoreStore(new Firestore()), firestoreStore(getFirestore())];
export const service = fromTaskDatabaseService({ getTask: async () => null }, getFirestore());
// @ts-expect-error no database
firestoreStore({});
