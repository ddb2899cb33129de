import { afterEach, expect, test, vi } from 'vitest';
import { openLedger } from '../../js/ledger.js';
import { add, heldTool, world } from './api/world.js';

afterEach(() => vi.restoreAllMocks());

/** Makes the next call of an export trap, as a panic does. */
async function trapNext(method: 'textDelta' | 'wake' | 'command'): Promise<void> {
  const { exports } = await openLedger();
  vi.spyOn(exports.EngineHandle.prototype, method).mockImplementationOnce(() => {
    throw new WebAssembly.RuntimeError('unreachable');
  });
}

test('a panic ends every run in the instance, aborts what is open, and the next run takes the task up', async () => {
  const { held, isCalled } = heldTool();
  let signal: AbortSignal | undefined;
  const watched = {
    ...held,
    execute: (input: object, context: { signal: AbortSignal }) => {
      signal = context.signal;
      return held.execute?.(input, context as never);
    },
  };
  const one = world([{ tools: [{ name: 'held', input: {} }] }, 'Done.'], { tools: { held: watched } });
  const two = world(['Hello.']);
  const [first, second] = [one.executor(), two.executor()];
  const started = first.start();
  await isCalled;
  await trapNext('textDelta');
  const other = second.run();
  await expect(other.outcome).resolves.toMatchObject({
    status: 'interrupted',
    error: { code: 'ENGINE_PANIC' },
  });
  await started;
  expect(first.outcome).toMatchObject({
    status: 'interrupted',
    unfinished: true,
    error: { code: 'ENGINE_PANIC' },
  });
  expect(first.seen.slice(-2)).toMatchObject([
    { type: 'task:error', code: 'ENGINE_PANIC', retryable: true },
    { type: 'task:run_ended', outcome: { status: 'interrupted' } },
  ]);
  expect(signal?.aborted).toBe(true);
  expect(first.isRunning).toBe(false);
});

test('after a panic a fresh instance takes the task up', async () => {
  const { executor } = world(
    [{ text: 'Adding.', tools: [{ name: 'add', input: { a: 1, b: 2 } }] }, 'It is 3.', 'It is 3.'],
    {
      tools: { add },
    },
  );
  const runner = executor();
  await trapNext('textDelta');
  await runner.start();
  expect(runner.outcome?.status).toBe('interrupted');
  const before = await openLedger();
  expect(before.dead).toBeUndefined();
  await runner.run().outcome;
  expect(runner.outcome?.status).toBe('completed');
  expect(runner.types()).toContain('task:resumed');
});

test('exports of a dead instance do nothing', async () => {
  const ledger = await openLedger();
  ledger.enter(() => {
    throw new WebAssembly.RuntimeError('unreachable');
  });
  expect(ledger.dead).toMatchObject({ code: 'ENGINE_PANIC' });
  const entered = vi.fn();
  ledger.enter(entered);
  expect(entered).not.toHaveBeenCalled();
  expect(await openLedger()).not.toBe(ledger);
});
