import { expect, test } from 'vitest';
import indexes from '../../../firestore.indexes.json' with { type: 'json' };
import { createTaskEngine } from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import { projectUnder } from './clients.js';

const plan = (items: string[]) => [{ name: 'M', items: items.map((name) => ({ name })) }];
const pay = {
  description: 'Pays.',
  inputSchema: { type: 'object' },
  needsApproval: true,
  execute: () => 'paid',
};

test('under firestore.browser.rules the owner creates, runs, pauses, resumes and deletes a task; nobody else runs it', async () => {
  const { user, server } = await projectUnder('firestore.browser.rules');
  const turns = [
    { text: 'Slow.', fail: 'stall' as const },
    { text: 'One is done. '.repeat(200).trim() },
    { text: 'Two is done.' },
  ];
  const mine = createTaskEngine({ store: user('ada'), model: scriptedModel(turns) });
  const task = await mine.createTask('ada', { title: 'T', milestones: plan(['One', 'Two']) });

  const theirs = createTaskEngine({ store: user('bob'), model: scriptedModel(['Mine now.']) });
  await expect(theirs.executor(task.id, 'ada').start()).rejects.toMatchObject({
    code: 'STORE_DENIED',
    message: expect.stringMatching(/security rules/),
  });

  const executor = mine.executor(task.id, 'ada');
  executor.once('task:message', () => executor.pause());
  await executor.start();
  expect(executor.outcome).toMatchObject({ status: 'paused' });
  await executor.resume();
  expect(executor.outcome).toMatchObject({ status: 'completed', text: 'Two is done.' });

  const root = `users/ada/tasks/${task.id}`;
  const thread = await mine.persistence(task.id, 'ada').taskMessages();
  expect(thread.filter(({ role }) => role === 'assistant')).toHaveLength(2);
  for (const name of ['journal', 'messages', 'engine']) {
    const exempt = indexes.fieldOverrides.flatMap((one) =>
      one.collectionGroup === name ? one.fieldPath : [],
    );
    for (const { data } of await server.list(`${root}/${name}`, { limit: 100 })) {
      const long = Object.entries(data).filter(([, value]) => JSON.stringify(value).length > 1_500);
      expect(exempt, name).toEqual(expect.arrayContaining(long.map(([field]) => field)));
    }
  }
  await mine.persistence(task.id, 'ada').delete();
  expect(await server.list(`${root}/journal`, { limit: 1 })).toEqual([]);
  expect(await server.read([root, `${root}/engine/head`])).toEqual([null, null]);
});

test('under firestore.rules the owner pauses, decides and sends from a client, and runs nothing', async () => {
  const { user, server } = await projectUnder('firestore.rules');
  const model = scriptedModel([
    { text: 'Paying.', tools: [{ name: 'pay', input: {} }] },
    { text: 'Paid.' },
    { text: 'And so on.' },
  ]);
  const servers = createTaskEngine({ store: server, model, tools: { pay } });
  const task = await servers.createTask('ada', { title: 'T' });
  const run = servers.executor(task.id, 'ada').run({ whileWaiting: 'yield' });
  expect(await run.outcome).toMatchObject({ status: 'yielded', reason: 'waiting' });

  const client = createTaskEngine({ store: user('ada') }).lifecycle(task.id, 'ada');
  const { waiting } = await client.state();
  const id = waiting[0]?.toolCall.id as string;
  await client.approve(id, { note: 'fine' });
  await expect(client.reject(id)).rejects.toMatchObject({ code: 'ALREADY_DECIDED' });
  await client.send('Go on.');
  await client.pause();
  expect((await client.state()).status).toBe('paused');
  await client.stop('enough');
  const [document] = await server.read([`users/ada/tasks/${task.id}`]);
  expect(document?.data).toMatchObject({ status: 'paused', execution: { abort_reason: 'enough' } });
  await expect(client.start()).rejects.toMatchObject({ code: 'STORE_DENIED' });

  const stranger = createTaskEngine({ store: user('bob') }).lifecycle(task.id, 'ada');
  await expect(stranger.pause()).rejects.toMatchObject({ code: 'STORE_DENIED' });
  await expect(stranger.send('Hi.')).rejects.toMatchObject({ code: 'STORE_DENIED' });

  const executor = servers.executor(task.id, 'ada');
  await executor.resume();
  expect(executor.outcome?.status).toBe('completed');
  const results = await servers.persistence(task.id, 'ada').toolResults();
  expect(results).toMatchObject([{ toolCallId: id, status: 'success' }]);
});
