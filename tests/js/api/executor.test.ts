import { expect, test } from 'vitest';
import { memoryStore, TaskExecutor, tool } from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import { taskWith } from './fixtures.js';

test('a task of one item runs with one tool call and is stored as completed', async () => {
  const store = memoryStore({ tasks: [taskWith(['Add'])] });
  const model = scriptedModel([
    { text: 'Adding.', tools: [{ name: 'add', input: { a: 1, b: 2 }, id: 'c1' }] },
    'It is 3.',
  ]);
  const seen: string[] = [];
  const add = tool({
    description: 'Adds.',
    inputSchema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
    execute: ({ a, b }) => ({ sum: a + b }),
  });
  const executor = new TaskExecutor('t', 'u', { store, model, tools: { add } });
  for (const name of [
    'task:started',
    'task:message_saved',
    'task:tool_call',
    'task:tool_result',
    'task:progress_update',
    'task:completed',
    'task:error',
    'task:run_ended',
  ] as const) {
    executor.on(name, () => seen.push(name));
  }
  await executor.start();
  expect(seen).toEqual([
    'task:started',
    'task:message_saved',
    'task:message_saved',
    'task:tool_call',
    'task:tool_result',
    'task:message_saved',
    'task:progress_update',
    'task:completed',
    'task:run_ended',
  ]);
  expect(executor.status).toBe('completed');
  expect(executor.outcome).toMatchObject({ status: 'completed', text: 'It is 3.' });
});
