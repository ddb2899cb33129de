import { describe, it } from 'vitest';
import { firestoreRestStore } from '../../../js/stores/firestore/rest.js';
import { storeConformance } from '../../../js/testing/store-conformance.js';
import { emptyProject } from '../project.js';

describe('the store over the REST API', () => {
  const cases = storeConformance(() => {
    const project = emptyProject();
    return { store: firestoreRestStore(project), another: firestoreRestStore(project) };
  });
  for (const { name, run } of cases) {
    it(name, run);
  }
});
