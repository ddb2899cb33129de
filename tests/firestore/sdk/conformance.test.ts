import { describe, it } from 'vitest';
import { firestoreRestStore, firestoreStore } from '../../../js/stores/firestore/index.js';
import { storeConformance } from '../../../js/testing/store-conformance.js';
import type { TaskStore } from '../../../js/types.js';
import { emptyProject } from '../project.js';
import { firebaseAdmin, googleCloud, type Project } from './databases.js';

// The emulator answers a commit with UNKNOWN now and then while listeners come and go. The engine looks up what became of
// it; the case does not.
const retries = (name: string) => (name.startsWith('watchers') ? 2 : 0);

const kinds = {
  '@google-cloud/firestore': (project: Project) => googleCloud(project),
  'firebase-admin': (project: Project) => firebaseAdmin(project),
};

for (const [kind, connect] of Object.entries(kinds)) {
  describe(`the store over ${kind}`, () => {
    const cases = storeConformance(() => {
      const project = emptyProject();
      const connections = [connect(project), connect(project)];
      const stores = connections.map(({ db }) => firestoreStore(db, { emulator: true }));
      return {
        store: stores[0] as TaskStore,
        another: stores[1] as TaskStore,
        dispose: async () => {
          await Promise.all(connections.map(({ end }) => end()));
        },
      };
    });
    for (const { name, run } of cases) {
      it(name, { retry: retries(name) }, run);
    }
  });
}

describe('the store over the SDK beside the one over REST', () => {
  const cases = storeConformance(() => {
    const project = emptyProject();
    const { db, end } = googleCloud(project);
    return {
      store: firestoreStore(db, { emulator: true }),
      another: firestoreRestStore(project),
      dispose: end,
    };
  });
  for (const { name, run } of cases) {
    it(name, { retry: retries(name) }, run);
  }
});
