import { expect, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { firestoreRestStore } from '../../../js/stores/firestore/rest.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { TaskEvent } from '../../../js/types.js';
import { emptyProject } from '../project.js';

test('a task left in mid-run by one engine is finished by another, and a third reads along', async () => {
  const project = emptyProject();
  const ran: string[] = [];
  const tools = {
    note: {
      description: 'Notes a word.',
      inputSchema: { type: 'object', properties: { word: { type: 'string' } } },
      execute: ({ word }: { word: string }) => {
        ran.push(word);
        return `noted ${word}`;
      },
    },
  };
  const engineWith = (turns: Parameters<typeof scriptedModel>[0]) =>
    createTaskEngine({ store: firestoreRestStore(project), model: scriptedModel(turns), tools });
  const first = engineWith([
    { text: 'Noting.', tools: [{ name: 'note', input: { word: 'one' } }] },
    { text: 'Slow.', fail: 'stall' },
  ]);
  const task = await first.createTask('u', {
    title: 'Notes',
    milestones: [{ name: 'M', items: [{ name: 'One' }, { name: 'Two' }] }],
  });
  const run = first.executor(task.id, 'u').run({ graceMs: 100 });
  for await (const event of run) {
    if (event.type === 'task:tool_result') break;
  }
  const reader = createTaskEngine({ store: firestoreRestStore(project) }).lifecycle(task.id, 'u');
  expect(await reader.state()).toMatchObject({ status: 'in_progress', owner: { id: expect.any(String) } });
  await first.drain({ timeoutMs: 5_000 });
  expect((await run.outcome).status).toBe('yielded');

  const second = engineWith(['The first is done.', 'The second is done.']);
  const outcome = await second.executor(task.id, 'u').run().outcome;
  expect(outcome).toMatchObject({ status: 'completed', text: 'The second is done.' });
  expect(ran).toEqual(['one']);

  const facts: TaskEvent[] = [];
  for await (const event of reader.events({ after: '0' })) {
    facts.push(event);
    if (event.type === 'task:completed') break;
  }
  expect(facts.map(({ type }) => type)).toContain('task:tool_result');
  expect((await reader.state()).status).toBe('completed');
});
