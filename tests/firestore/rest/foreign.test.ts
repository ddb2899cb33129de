import { Firestore } from '@google-cloud/firestore';
import { describe, expect, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { firestoreRestStore } from '../../../js/stores/firestore/rest.js';
import { firestoreStore } from '../../../js/stores/firestore/sdk.js';
import { encodeFields } from '../../../js/stores/firestore/values.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import { emptyProject } from '../project.js';

type Project = ReturnType<typeof emptyProject>;

/** As somebody else would write it, who keeps to Firestore's rules and not to ours. */
async function put({ projectId, host }: Project, path: string, data: Record<string, unknown>): Promise<void> {
  const documents = `projects/${projectId}/databases/(default)/documents`;
  const response = await fetch(`http://${host}/v1/${documents}:commit`, {
    method: 'POST',
    headers: { authorization: 'Bearer owner' },
    body: JSON.stringify({
      writes: [{ update: { name: `${documents}/${path}`, fields: encodeFields(data) } }],
    }),
  });
  expect(response.status).toBe(200);
}

const stores = {
  REST: (project: Project) => firestoreRestStore(project),
  SDK: ({ projectId, host }: Project) => {
    const [servicePath, port] = host.split(':');
    const db = new Firestore({ projectId, servicePath, port: Number(port), ssl: false, preferRest: false });
    return firestoreStore(db, { emulator: true });
  },
};

describe.each(Object.entries(stores))(
  'what others have stored under ids with control characters',
  (_, storeOf) => {
    test('is in no list, however much of it there is, and hides nothing else', async () => {
      const project = emptyProject();
      const inbox = 'users/u/tasks/t/inbox';
      for (const id of ['\0', 'a\n1', 'a\n2', 'a\n3', 'a\n4', 'b', 'b\u007f', 'c', 'd\0', 'e']) {
        await put(project, `${inbox}/${id}`, { id });
      }
      const store = storeOf(project);
      const list = async (limit: number, after?: string) =>
        (await store.list(inbox, { limit, after })).map(({ data }) => data.id);
      expect(await list(9)).toEqual(['b', 'c', 'e']);
      expect(await list(2)).toEqual(['b', 'c']);
      expect(await list(2, 'c')).toEqual(['e']);
      expect(await list(1, 'e')).toEqual([]);
    });

    test('keeps no task from going on', async () => {
      const project = emptyProject();
      const engine = createTaskEngine({ store: storeOf(project), model: scriptedModel(['Done.']) });
      const task = await engine.createTask('u', { title: 'T' });
      const message = { kind: 'message', text: 'Mind the gap.', at: task.created_at };
      await put(project, `users/u/tasks/${task.id}/inbox/a\nb`, message);
      const executor = engine.executor(task.id, 'u');
      await executor.start();
      expect(executor.outcome).toMatchObject({ status: 'completed' });
      await engine.persistence(task.id, 'u').delete();
    });
  },
);
