import { expect, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { firestoreStore } from '../../../js/stores/firestore/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import { emptyProject } from '../project.js';
import { firebaseAdmin, googleCloud } from './databases.js';

test('a pause given through another connection is seen within a second, and the task goes on elsewhere', async () => {
  const project = emptyProject();
  const runner = googleCloud(project);
  const other = firebaseAdmin(project);
  try {
    const engine = createTaskEngine({
      store: firestoreStore(runner.db, { emulator: true }),
      model: scriptedModel([{ text: 'Thinking.', fail: 'stall' }]),
    });
    const elsewhere = createTaskEngine({
      store: firestoreStore(other.db, { emulator: true }),
      model: scriptedModel(['Done.']),
    });
    const task = await engine.createTask('u', { title: 'T' });
    const run = engine.executor(task.id, 'u').run();
    for await (const event of run) {
      if (event.type === 'task:message') break;
    }
    const asked = Date.now();
    // a second wasm engine in this process would answer by the registry: the store is asked instead
    await firestoreStore(other.db, { emulator: true }).commit([
      {
        op: 'update',
        path: `users/u/tasks/${task.id}`,
        fields: [{ path: ['status'], value: 'paused' }],
      },
    ]);
    expect((await run.outcome).status).toBe('paused');
    expect(Date.now() - asked).toBeLessThan(1_000);

    const again = elsewhere.executor(task.id, 'u');
    await again.resume();
    expect(again.outcome).toMatchObject({ status: 'completed', text: 'Done.' });
  } finally {
    await Promise.all([runner.end(), other.end()]);
  }
});
