import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { firestoreStore } from '../../../js/stores/firestore/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { TaskStore } from '../../../js/types.js';
import { emptyProject } from '../project.js';
import { type Connected, googleCloud } from './databases.js';

let connected: Connected;
let store: TaskStore;

beforeEach(() => {
  connected = googleCloud(emptyProject(), true);
  store = firestoreStore(connected.db, { emulator: true });
});
afterEach(() => connected.end());

test('with preferRest a lost race is a conflict', async () => {
  const { version } = await store.commit([{ op: 'create', path: 'users/u', data: { n: 0 } }]);
  const race = (n: number) =>
    store.commit([
      { op: 'update', path: 'users/u', fields: [{ path: ['n'], value: n }], ifVersion: version },
    ]);
  const outcomes = await Promise.allSettled([race(1), race(2), race(3)]);
  const codes = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
  expect(codes).toEqual(['conflict', 'conflict']);
});

test('with preferRest a task runs to its end', async () => {
  const engine = createTaskEngine({ store, model: scriptedModel(['Done.']) });
  const { id } = await engine.createTask('u', { title: 'T' });
  expect(await engine.executor(id, 'u').run().outcome).toMatchObject({ status: 'completed', text: 'Done.' });
});
