import { expect, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { firestoreRestStore } from '../../../js/stores/firestore/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { StoreWrite } from '../../../js/types.js';
import { emptyProject } from '../project.js';

async function collectionsUnder(
  project: { projectId: string; host: string },
  path: string,
): Promise<string[]> {
  const root = `http://${project.host}/v1/projects/${project.projectId}/databases/(default)/documents`;
  const response = await fetch(`${root}/${path}:listCollectionIds`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer owner' },
    body: '{}',
  });
  const { collectionIds = [] } = (await response.json()) as { collectionIds?: string[] };
  return collectionIds;
}

async function longTask() {
  const project = emptyProject();
  const store = firestoreRestStore(project);
  const engine = createTaskEngine({ store, model: scriptedModel(['Done.']) });
  const { id } = await engine.createTask('u', { title: 'T' });
  await engine.executor(id, 'u').start();
  const path = `users/u/tasks/${id}`;
  const message = (n: number, content: string): StoreWrite => ({
    op: 'create',
    path: `${path}/messages/m${String(n).padStart(5, '0')}`,
    data: { task_id: id, role: 'user', content, timestamp: new Date(1e12 + n).toISOString() },
  });
  for (let page = 0; page < 3; page++) {
    await store.commit(Array.from({ length: 400 }, (_, n) => message(page * 400 + n, 'short')));
  }
  for (let n = 0; n < 8; n++) {
    await store.commit([message(10_000 + n, 'x'.repeat(900_000))]);
  }
  return { project, store, engine, id, path };
}

test('delete removes every document of a task, of any number and size', async () => {
  const { project, store, engine, id, path } = await longTask();
  expect((await collectionsUnder(project, path)).sort()).toEqual(['engine', 'journal', 'messages']);
  await engine.persistence(id, 'u').delete();
  expect(await collectionsUnder(project, path)).toEqual([]);
  expect(await store.read([path])).toEqual([null]);
  await engine.persistence(id, 'u').delete();
});

test('delete that was cut off is finished by calling it again', async () => {
  const { project, store, id, path } = await longTask();
  let commits = 0;
  const dying = {
    ...store,
    commit: (...[writes]: Parameters<typeof store.commit>) => {
      commits += 1;
      return commits > 2
        ? Promise.reject(Object.assign(new Error('gone'), { code: 'denied' }))
        : store.commit(writes);
    },
  };
  await expect(createTaskEngine({ store: dying }).persistence(id, 'u').delete()).rejects.toMatchObject({
    code: 'STORE_DENIED',
  });
  expect(await collectionsUnder(project, path)).toContain('messages');
  await createTaskEngine({ store }).persistence(id, 'u').delete();
  expect(await collectionsUnder(project, path)).toEqual([]);
});

test('a task whose document the app deletes in mid-run ends without an error event', async () => {
  const project = emptyProject();
  const store = firestoreRestStore(project);
  const heard: string[] = [];
  const engine = createTaskEngine({
    store,
    model: scriptedModel([{ tools: [{ name: 'vanish', input: {} }] }, 'Never said.']),
    tools: {
      vanish: {
        description: 'Deletes the task.',
        inputSchema: { type: 'object' },
        execute: () => store.commit([{ op: 'delete', path: `users/u/tasks/${id}` }]),
      },
    },
  });
  const { id } = await engine.createTask('u', { title: 'T' });
  const executor = engine.executor(id, 'u');
  executor.on('task:error', () => heard.push('task:error'));
  expect(await executor.run().outcome).toMatchObject({
    status: 'interrupted',
    error: { code: 'TASK_NOT_FOUND' },
  });
  expect(heard).toEqual([]);
});
