/** The stores of processes that are forked. */
import { firestoreRestStore, firestoreStore } from 'task-execution-engine/firestore';
import { sqliteStore } from 'task-execution-engine/sqlite';

/** `committing` hears when a commit begins and when it has ended, where nobody outside can see it. */
export async function openStore({ kind, file, projectId, host, timeoutMs }, committing = () => {}) {
  if (kind === 'rest') return firestoreRestStore({ projectId, host, timeoutMs });
  if (kind === 'sdk') {
    process.env.FIRESTORE_EMULATOR_HOST = host;
    const { Firestore } = await import('@google-cloud/firestore');
    return firestoreStore(new Firestore({ projectId }), { timeoutMs });
  }
  const store = sqliteStore(file);
  return {
    ...store,
    async commit(writes, options) {
      committing(true);
      try {
        return await store.commit(writes, options);
      } finally {
        committing(false);
      }
    },
  };
}
