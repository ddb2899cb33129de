import { expect, test } from 'vitest';
import { TaskLifecycle } from '../../../js/index.js';
import { add, heldTool, world } from './world.js';

const half = 'too many \ud83d';
const mended = 'too many \ufffd';

test('a stop whose reason ends in half a character stops the run in this process at once', async () => {
  const { held, isCalled, release } = heldTool();
  const { executor } = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held } });
  const runner = executor({ graceMs: 1 });
  const started = runner.start();
  await isCalled;
  await runner.stop(half);
  expect(runner.outcome?.status).toBe('stopped');
  await started;
  expect(runner.seen).toContainEqual(expect.objectContaining({ type: 'task:stopped', reason: mended }));
  release('late');
});

test('decisions and messages that end in half a character say what they can', async () => {
  const gated = { ...add, needsApproval: true };
  const call = (id: string) => ({ name: 'add', input: { a: 1, b: 2 }, id });
  const { executor, options, model } = world([{ tools: [call('c1'), call('c2')] }, 'Done.', 'Heard.'], {
    tools: { add: gated },
  });
  const runner = executor({ whileWaiting: 'yield' });
  await runner.start();
  const lifecycle = new TaskLifecycle('t', 'u', options);
  await lifecycle.approve('c1', { note: half });
  await lifecycle.reject('c2', half);
  await lifecycle.send(half);
  await runner.run().outcome;
  expect(runner.outcome?.status).toBe('completed');
  const told = JSON.stringify(model.requests.at(-1)).split(mended);
  expect(told, 'the rejection and the message').toHaveLength(3);
});
