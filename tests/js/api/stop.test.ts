import { expect, test } from 'vitest';
import { jsonSchema, tool } from '../../../js/index.js';
import type { ToolContext } from '../../../js/types.js';
import { world } from './world.js';

/** A tool that settles only when its signal is aborted, as `settle` says. */
function untilAborted(settle: () => unknown) {
  let called!: () => void;
  const isCalled = new Promise<void>((resolve) => {
    called = resolve;
  });
  const wait = tool({
    description: 'Waits until it is aborted.',
    inputSchema: jsonSchema({ type: 'object' }),
    execute: (_: object, { signal }: ToolContext) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(settle()));
        called();
      }),
  });
  return { wait, isCalled };
}

const callWait = { tools: [{ name: 'wait', input: {}, id: 'c1' }] };

test('stop ends as soon as the aborted tool rejects, not when the grace is over', async () => {
  const { wait, isCalled } = untilAborted(() => Promise.reject(new Error('cut off')));
  const { executor } = world([callWait], { tools: { wait } });
  const runner = executor({ graceMs: 60_000 });
  const run = runner.start();
  await isCalled;
  await runner.stop();
  await run;
  expect(runner.outcome).toMatchObject({ status: 'stopped' });
  expect(runner.types()).not.toContain('task:tool_result');
}, 5_000);

test('what a tool returns after stop aborted it, within the grace, is its result', async () => {
  const { wait, isCalled } = untilAborted(() => 'half of it is done');
  const { executor } = world([callWait], { tools: { wait } });
  const runner = executor({ graceMs: 60_000 });
  const run = runner.start();
  await isCalled;
  await runner.stop();
  await run;
  expect(runner.seen).toContainEqual(
    expect.objectContaining({
      type: 'task:tool_result',
      status: 'success',
      content: [{ text: 'half of it is done' }],
    }),
  );
}, 5_000);
