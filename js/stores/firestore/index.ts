/** The stores `task-execution-engine/firestore`. */
export { type FirestoreRestOptions, firestoreRestStore } from './rest.js';
