import { getApps, initializeApp } from 'firebase-admin/app';
import { getFirestore } from 'firebase-admin/firestore';
import type { TaskStore } from 'task-execution-engine';
import { firestoreStore } from 'task-execution-engine/firestore';
import { sqliteStore } from 'task-execution-engine/sqlite';

/** Firestore where a project is named (its emulator where FIRESTORE_EMULATOR_HOST is set), else a file. */
export function openStore(): TaskStore {
  const projectId = process.env.FIRESTORE_PROJECT;
  if (!projectId) return sqliteStore(process.env.TASKS_FILE ?? 'tasks.sqlite');
  const [app = initializeApp({ projectId })] = getApps();
  return firestoreStore(getFirestore(app));
}
