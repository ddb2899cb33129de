import { memoryStore } from 'task-execution-engine';

/** What Firestore is to the real app. */
export const database = memoryStore();
