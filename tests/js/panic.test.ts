import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { type Clock, memoryStore, TaskLifecycle, tool } from '../../js/index.js';
import { openLedger } from '../../js/ledger.js';
import { scriptedModel } from '../../js/testing/scripted-model.js';
import type { AbortSignalLike, ToolContext } from '../../js/types.js';
import { taskWith } from './api/fixtures.js';
import { add, collect, heldTool, world } from './api/world.js';

const { built, panickingEngine } = vi.hoisted(() => {
  const built = new URL('../../.tools/panicking/', import.meta.url);
  const panickingEngine = (file: string): Uint8Array<ArrayBuffer> => {
    try {
      return new Uint8Array(readFileSync(new URL(file, built)));
    } catch (cause) {
      throw new Error('The engine that panics when told to is not built: npm test -- unit', { cause });
    }
  };
  return { built, panickingEngine };
});

// The engine of these tests is built with the feature `provoke-panic`; everything around it is what is released.
vi.mock('#wasm', () => ({
  compileEngine: async () => new WebAssembly.Module(panickingEngine('engine.wasm')),
}));
vi.mock('../../js/generated/engine.js', async () => {
  panickingEngine('engine.js');
  return import(/* @vite-ignore */ new URL('engine.js', built).href);
});

/** The next machine that takes in an input of this kind panics. */
async function panicAt(input: string): Promise<void> {
  const { exports } = await openLedger();
  (exports as unknown as { provokePanic(input: string): void }).provokePanic(input);
}

/** Calls `add` until it has a result: it does not matter which turns were stored before a panic. */
function adding() {
  return scriptedModel(({ messages = [] }) => {
    const answered = messages.some(({ content = [] }) => content.some((block) => 'toolResult' in block));
    return answered ? 'It is 3.' : { text: 'Adding.', tools: [{ name: 'add', input: { a: 1, b: 2 } }] };
  });
}

const interrupted = {
  status: 'interrupted',
  unfinished: true,
  error: {
    code: 'ENGINE_PANIC',
    retryable: true,
    message: expect.stringMatching(/src\/boundary\/provoke\.rs:\d+: told to, at /),
    details: {
      place: expect.stringMatching(/^src\/boundary\/provoke\.rs:\d+$/),
      panic: expect.stringMatching(/^told to, at /),
    },
  },
};

// Every way into the engine: a call, a promise, a timer, the stream, the construction.
test.each([
  ['Open'],
  ['Read'],
  ['Committed'],
  ['Answered'],
  ['TextDelta'],
  ['Streamed'],
  ['StreamEnded'],
  ['Returned'],
])(
  'a panic at %s interrupts the run, and the next one takes the task up at once, long before the lease runs out',
  async (input) => {
    const { executor, store } = world([], { tools: { add }, model: adding() });
    const runner = executor({ leaseTtlMs: 600_000 });
    const before = await openLedger();
    await panicAt(input);
    const run = runner.run();
    const events = await collect(run);
    await expect(run.outcome).resolves.toMatchObject(interrupted);
    await run.started;
    expect(events.slice(-2)).toMatchObject([
      { type: 'task:error', taskId: 't', code: 'ENGINE_PANIC', retryable: true },
      { type: 'task:run_ended', outcome: interrupted },
    ]);
    expect(before.dead).toBe(runner.outcome && 'error' in runner.outcome ? runner.outcome.error : undefined);
    expect(runner.isRunning).toBe(false);

    await runner.run().outcome;
    expect(runner.outcome).toMatchObject({ status: 'completed', text: 'It is 3.' });
    const [task] = await store.read(['users/u/tasks/t']);
    expect(task?.data.status).toBe('completed');
    expect(await openLedger()).not.toBe(before);
  },
  10_000,
);

test('a panic ends everything that lives in the instance and aborts what is open', async () => {
  const { held, isCalled } = heldTool();
  let toolSignal: AbortSignal | undefined;
  const watched = tool({
    ...held,
    execute: (input: object, context: ToolContext) => {
      toolSignal = context.signal as AbortSignal;
      return held.execute?.(input, context);
    },
  });
  const working = world([{ tools: [{ name: 'watched', input: {} }] }], { tools: { watched } }).executor();
  let modelSignal: AbortSignalLike | undefined;
  const asking = world([], {
    model: {
      async *stream(_, { signal }) {
        yield { messageStart: { role: 'assistant' as const } };
        modelSignal = signal;
        await new Promise(() => {});
      },
    },
  }).executor();
  const deaf = { ...memoryStore({ tasks: [taskWith(['a'])] }), read: () => new Promise<never>(() => {}) };
  const [first, second] = [working.start(), asking.start()];
  const state = new TaskLifecycle('t', 'u', { store: deaf }).state();
  state.catch(() => {});
  await isCalled;
  await vi.waitUntil(() => modelSignal !== undefined);

  await panicAt('Command');
  await expect(working.pause()).rejects.toMatchObject({ code: 'ENGINE_PANIC' });
  await Promise.all([first, second]);
  await expect(state).rejects.toMatchObject({ code: 'ENGINE_PANIC' });
  for (const { outcome } of [working, asking]) expect(outcome).toMatchObject(interrupted);
  expect(toolSignal?.reason).toMatchObject({ code: 'ENGINE_PANIC' });
  expect(modelSignal?.aborted).toBe(true);
});

test('a panic at a timer interrupts the run', async () => {
  const { executor } = world([{ text: 'Hm', fail: 'stall' }]);
  const runner = executor({ idleTimeoutMs: 20 });
  runner.on('task:message', () => void panicAt('Timeout'));
  await runner.start();
  expect(runner.outcome).toMatchObject(interrupted);
});

test('a call out of the engine within which it panics returns into nothing: no event, no model call follows', async () => {
  const due: (() => void)[] = [];
  let ms = 0;
  const clock: Clock = {
    now: () => ms,
    after: (_, fire) => {
      due.push(fire);
      return () => due.splice(0, due.length, ...due.filter((other) => other !== fire));
    },
  };
  const { executor, model } = world(['Never said.'], { clock });
  const runner = executor();
  const { exports } = await openLedger();
  runner.on('task:started', () => {
    (exports as unknown as { provokePanic(input: string): void }).provokePanic('Timeout');
    ms += 3_600_000;
    for (const fire of [...due]) fire();
  });
  await runner.start();
  expect(runner.outcome).toMatchObject(interrupted);
  expect(runner.types()).toEqual(['task:started', 'task:error', 'task:run_ended']);
  expect(model.requests).toHaveLength(0);
});

test('in the process where a run panicked, pause and state know at once that nobody runs the task', async () => {
  const { executor } = world([], { tools: { add }, model: adding() });
  const runner = executor({ leaseTtlMs: 600_000 });
  await panicAt('TextDelta');
  await runner.start();
  await expect(runner.state()).resolves.toMatchObject({ status: 'in_progress', unfinished: true });
  await runner.pause();
  expect(runner.status).toBe('paused');
});

test('a task whose run panics at the same place again and again is parked, and resume tries anew', async () => {
  const { executor } = world([], { tools: { add }, model: adding() });
  const runner = executor({ leaseTtlMs: 600_000 });
  for (let n = 0; n < 5; n += 1) {
    await panicAt('TextDelta');
    await runner.run().outcome;
    expect(runner.outcome).toMatchObject(interrupted);
  }
  await runner.run().outcome;
  expect(runner.outcome).toMatchObject({ status: 'failed', error: { code: 'CRASH_LOOP' } });
  await runner.resume();
  expect(runner.outcome?.status).toBe('completed');
});
