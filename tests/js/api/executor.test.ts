import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import {
  drainTaskExecution,
  memoryStore,
  TaskExecutionError,
  TaskExecutor,
  TaskLifecycle,
  type TaskStore,
  tool,
} from '../../../js/index.js';
import { taskWith } from './fixtures.js';
import { add, collect, heldTool, world } from './world.js';

function withResolvers() {
  let resolve!: () => void;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const callAdd = { text: 'Adding.', tools: [{ name: 'add', input: { a: 1, b: 2 }, id: 'c1' }] };

test('a task of one item runs with one tool call and is stored as completed', async () => {
  const { executor, store, model } = world([callAdd, 'It is 3.'], { tools: { add } });
  const runner = executor();
  await runner.start();
  expect(runner.types()).toEqual([
    'task:started',
    'task:message_saved',
    'task:message_saved',
    'task:tool_call',
    'task:usage',
    'task:tool_result',
    'task:message_saved',
    'task:usage',
    'task:progress_update',
    'task:completed',
    'task:run_ended',
  ]);
  expect(runner.status).toBe('completed');
  expect(runner.outcome).toMatchObject({ status: 'completed', text: 'It is 3.' });
  expect(runner.isRunning).toBe(false);
  const [task] = await store.read(['users/u/tasks/t']);
  expect(task?.data).toMatchObject({ status: 'completed', progress: { overall_percentage: 100 } });
  model.assertDone();
  expect(model.requests[1]?.messages?.[2]?.content?.[0]).toMatchObject({
    toolResult: { toolUseId: 'c1', content: [{ json: { sum: 3 } }] },
  });
});

test('a listener finds the status that its event tells of', async () => {
  const { executor } = world(['This text is cut short.', callAdd, 'Done.'], { tools: { add } });
  const runner = executor();
  const seen: string[] = [];
  for (const type of ['task:started', 'task:paused', 'task:resumed', 'task:completed'] as const)
    runner.on(type, () => seen.push(`${type} ${runner.status}`));
  runner.once('task:message', () => runner.pause());
  await runner.start();
  await runner.resume();
  expect(seen).toEqual([
    'task:started in_progress',
    'task:paused paused',
    'task:resumed in_progress',
    'task:completed completed',
  ]);
});

test('the deltas of a message concatenate to what is saved, emoji cut in half included', async () => {
  const delta = (text: string) => ({ contentBlockDelta: { contentBlockIndex: 0, delta: { text } } });
  const { executor } = world([
    [
      { messageStart: { role: 'assistant' as const } },
      delta('a \ud83d'),
      delta('\ude00 b'),
      { contentBlockStop: { contentBlockIndex: 0 } },
      { messageStop: { stopReason: 'end_turn' as const } },
    ] as never,
  ]);
  const runner = executor();
  await runner.start();
  const deltas = runner.seen.flatMap((event) => (event.type === 'task:message' ? [event.content] : []));
  expect(deltas).toEqual(['a ', '\u{1f600} b']);
  expect(runner.outcome?.text).toBe('a \u{1f600} b');
});

test('pausing in the middle of a tool keeps its result, and resuming goes on from there', async () => {
  const { held, isCalled, release } = heldTool();
  const { executor } = world([{ tools: [{ name: 'held', input: {} }] }, 'Done.'], { tools: { held } });
  const runner = executor();
  const started = runner.start();
  await isCalled;
  expect(runner.isRunning).toBe(true);
  const paused = runner.pause();
  expect(runner.isPaused).toBe(true);
  release('late but in time');
  await paused;
  await started;
  expect(runner.status).toBe('paused');
  expect(runner.outcome?.status).toBe('paused');
  await runner.resume();
  expect(runner.isPaused).toBe(false);
  expect(runner.outcome?.status).toBe('completed');
  expect(runner.types().filter((type) => /started|resumed|paused|completed/.test(type))).toEqual([
    'task:started',
    'task:paused',
    'task:resumed',
    'task:completed',
  ]);
});

test('pause and resume without awaiting end in one loop', async () => {
  const { held, isCalled, release } = heldTool();
  const { executor, model } = world([{ tools: [{ name: 'held', input: {} }] }, 'Done.'], { tools: { held } });
  const runner = executor();
  const started = runner.start();
  await isCalled;
  const paused = runner.pause();
  const resumed = runner.resume();
  release('x');
  await Promise.all([started, paused, resumed]);
  expect(runner.outcome?.status).toBe('completed');
  expect(runner.types().filter((type) => type === 'task:run_ended')).toHaveLength(2);
  model.assertDone();
});

test('a listener may pause, and a payload that it changes is its own', async () => {
  const { executor } = world([callAdd, 'It is 3.'], { tools: { add } });
  const runner = executor();
  let paused: Promise<void> | undefined;
  runner.on('task:message', () => {
    paused ??= runner.pause();
  });
  await runner.start();
  await paused;
  expect(runner.outcome?.status).toBe('paused');
  expect(runner.status).toBe('paused');
});

test('what listeners throw or reject with goes to onListenerError and breaks nothing', async () => {
  const onListenerError = vi.fn();
  const { executor } = world(['Done.'], { onListenerError });
  const runner = executor();
  const other = vi.fn();
  runner.prependListener('task:started', () => {
    throw new Error('thrown');
  });
  runner.on('task:completed', async () => {
    throw new Error('rejected');
  });
  runner.on('task:started', other);
  await runner.start();
  await Promise.resolve();
  expect(runner.outcome?.status).toBe('completed');
  expect(other).toHaveBeenCalledOnce();
  expect(onListenerError.mock.calls.map(([error, event]) => [error.message, event])).toEqual([
    ['thrown', 'task:started'],
    ['rejected', 'task:completed'],
  ]);
});

test('a failed task announces task:error without needing a listener, and start() still settles', async () => {
  const denied = Object.assign(new Error('no access'), { name: 'AccessDeniedException' });
  const { executor } = world([{ fail: denied }]);
  const runner = new TaskExecutor('t', 'u', { ...world([{ fail: denied }]).options });
  await runner.start();
  expect(runner.outcome).toMatchObject({ status: 'failed', error: { code: 'MODEL_DENIED' } });
  const listened = executor();
  await listened.start();
  expect(listened.seen.find(({ type }) => type === 'task:error')).toMatchObject({
    code: 'MODEL_DENIED',
    retryable: false,
  });
});

test('start() rejects where it cannot begin, and nothing is emitted', async () => {
  const { options } = world([]);
  const runner = new TaskExecutor('nowhere', 'u', options);
  const emitted = vi.spyOn(runner, 'emit');
  await expect(runner.start()).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
  await expect(runner.run().outcome).resolves.toMatchObject({
    status: 'refused',
    error: { code: 'TASK_NOT_FOUND' },
  });
  expect(emitted).not.toHaveBeenCalled();
  expect(runner.isRunning).toBe(false);
});

test('without a store the first command says what to configure, and the constructor nothing', async () => {
  const runner = new TaskExecutor('t', 'u');
  await expect(runner.start()).rejects.toMatchObject({ code: 'NOT_CONFIGURED' });
  expect(() => new TaskExecutor('a/b', 'u')).toThrow(TaskExecutionError);
});

test('a model that nobody has configured is told at the first run, with where to put it; commands need none', async () => {
  const host = { store: memoryStore({ tasks: [taskWith(['Do it'])] }) };
  await new TaskLifecycle('t', 'u', host).start();
  const executor = new TaskExecutor('t', 'u', host);
  const told = { code: 'NOT_CONFIGURED', message: expect.stringContaining('pass `model` in the host') };
  expect(await executor.run().outcome).toMatchObject({ status: 'refused', error: told });
  await expect(executor.resume()).rejects.toMatchObject(told);
  await executor.pause();
});

test('an option that is no number is refused by name', async () => {
  const { executor } = world([]);
  await expect(executor({ graceMs: Number.NaN }).start()).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'graceMs must be a number from 0 on, not NaN.',
  });
});

test('run() iterates from the call on, whenever the loop is entered, and a refused run ends it', async () => {
  const { executor } = world(['Done.']);
  const run = executor().run();
  await run.started;
  await expect(run.outcome).resolves.toMatchObject({ status: 'completed' });
  const types = (await collect(run)).map(({ type }) => type);
  expect(types[0]).toBe('task:started');
  expect(types.at(-1)).toBe('task:run_ended');
  expect(types.filter((type) => type === 'task:message')).toHaveLength(1);
  const refused = new TaskExecutor('t', 'u').run();
  expect(await collect(refused)).toEqual([]);
});

test('starting twice is one run with one settlement, on this instance and on others', async () => {
  const { held, isCalled, release } = heldTool();
  const { executor, model } = world([{ tools: [{ name: 'held', input: {} }] }, 'Done.'], { tools: { held } });
  const [first, second] = [executor(), executor()];
  const all = [first.start(), first.start(), first.resume()];
  await isCalled;
  all.push(second.start());
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(second.isRunning).toBe(true);
  release('x');
  await Promise.all(all);
  expect(second.outcome).toEqual(first.outcome);
  expect(second.types()).toContain('task:completed');
  expect(second.types()).not.toContain('task:started');
  model.assertDone();
});

test('a subclass that overrides emit and start sees everything', async () => {
  const { options } = world(['Done.']);
  const emitted: string[] = [];
  class Own extends TaskExecutor {
    override emit(event: string | symbol, ...args: any[]): boolean {
      emitted.push(String(event));
      return super.emit(event, ...args);
    }
    override async start(): Promise<void> {
      emitted.push('start');
      return super.start();
    }
  }
  const own = new Own('t', 'u', options);
  expect(own).toBeInstanceOf(EventEmitter);
  await own.start();
  expect(emitted[0]).toBe('start');
  expect(emitted.at(-1)).toBe('task:run_ended');
});

test('an aborted signal yields the run, and another run takes it up', async () => {
  const { held, isCalled, release } = heldTool();
  const { executor } = world([{ tools: [{ name: 'held', input: {} }] }, 'Done.'], { tools: { held } });
  const controller = new AbortController();
  const run = executor().run({ signal: controller.signal });
  await isCalled;
  controller.abort();
  release('x');
  await expect(run.outcome).resolves.toMatchObject({ status: 'yielded', reason: 'signal', unfinished: true });
  await expect(executor().run().outcome).resolves.toMatchObject({ status: 'completed' });
});

test('dispose yields without grace, drain with it', async () => {
  const { held, isCalled } = heldTool();
  const { executor } = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held } });
  const runner = executor();
  const run = runner.run();
  await isCalled;
  runner.dispose();
  await expect(run.outcome).resolves.toMatchObject({ status: 'yielded', reason: 'dispose' });

  const other = heldTool();
  const drained = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held: other.held } });
  const draining = drained.executor().run();
  await other.isCalled;
  other.release('x');
  await drainTaskExecution({ timeoutMs: 5_000 });
  await expect(draining.outcome).resolves.toMatchObject({ status: 'yielded', reason: 'drain' });
});

test('whoever only decides on a call of a run, or says something to it, leaves it alone when disposed', async () => {
  const { held, isCalled, release } = heldTool();
  const calls = [
    { name: 'held', input: {}, id: 'c1' },
    { name: 'asked', input: {}, id: 'c2' },
  ];
  const asked = tool({
    description: 'Asks.',
    inputSchema: { type: 'object' },
    needsApproval: true,
    execute: () => 'fine',
  });
  const { executor } = world([{ tools: calls }, 'Done.', 'Done.'], { tools: { held, asked } });
  const runner = executor();
  const run = runner.run();
  await isCalled;
  await vi.waitFor(() => expect(runner.types()).toContain('task:approval_required'), { interval: 5 });
  const route = executor();
  await route.approve('c2');
  await route.send('Well done.');
  await vi.waitFor(() => expect(route.types()).toContain('task:tool_result'), { interval: 5 });
  route.dispose();
  release('x');
  await expect(run.outcome).resolves.toMatchObject({ status: 'completed' });
  expect(route.outcome?.status).toBe('completed');
});

test('whoever has joined a run, also after a decision, yields it when disposed', async () => {
  const { held, isCalled } = heldTool();
  const { executor } = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held } });
  const run = executor().run();
  await isCalled;
  const other = executor();
  await other.send('And?');
  await other.run().started;
  other.dispose();
  await expect(run.outcome).resolves.toMatchObject({ status: 'yielded', reason: 'dispose' });
});

test('the exception of a store comes back as the cause', async () => {
  const cause = Object.assign(new Error('rules say no'), { code: 'denied' });
  const { executor, store } = world([]);
  const broken: TaskStore = { ...store, read: () => Promise.reject(cause) };
  const error = await executor({ store: broken })
    .start()
    .then(undefined, (thrown) => thrown);
  expect(error).toMatchObject({ code: 'STORE_DENIED' });
  expect(error.cause).toBe(cause);
});

test.each([
  [
    'throws at once',
    () => {
      throw new Error('boom');
    },
  ],
  ['rejects with nothing', () => Promise.reject(undefined)],
  [
    'throws a hostile object',
    () => {
      throw Object.create(null, {
        message: {
          get() {
            throw new Error('no');
          },
        },
      });
    },
  ],
  ['returns what JSON cannot say', () => 10n],
  [
    'returns a thenable that throws',
    () =>
      Object.defineProperty({}, 'then', {
        get() {
          throw new Error('thenable');
        },
      }),
  ],
])('a tool that %s is an error result for the model', async (_, execute) => {
  const bad = tool({ description: 'Bad.', inputSchema: { type: 'object' }, execute });
  const { executor } = world([{ tools: [{ name: 'bad', input: {} }] }, 'Done.'], { tools: { bad } });
  const runner = executor();
  await runner.start();
  expect(runner.outcome?.status).toBe('completed');
  expect(runner.seen.find(({ type }) => type === 'task:tool_result')).toMatchObject({ status: 'error' });
});

test('unknown tools and invalid input are answered with what would be right', async () => {
  const { executor } = world(
    [{ tools: [{ name: 'sub', input: {} }] }, { tools: [{ name: 'add', input: { a: 'x' } }] }, 'Done.'],
    { tools: { add } },
  );
  const runner = executor();
  await runner.start();
  const results = runner.seen.filter(({ type }) => type === 'task:tool_result');
  expect(JSON.stringify(results[0])).toContain("There is no tool 'sub'. There are: add.");
  expect(JSON.stringify(results[1])).toContain('does not match');
});

test.each([
  [
    'throws',
    () => {
      throw new Error('tools are out');
    },
  ],
  ['has a bad name', () => ({ 'not a name': add })],
])('a tools callback that %s refuses the run', async (_, tools) => {
  const { executor } = world([], { tools: tools as never });
  await expect(executor().start()).rejects.toMatchObject({ code: 'HOST_CALLBACK' });
});

test('a model that returns no stream is tried again and then fails the task', async () => {
  const { executor } = world([], { model: { stream: () => 5 as never } });
  const runner = executor({ retry: { attempts: 2, baseMs: 1, maxMs: 1 } });
  await runner.start();
  expect(runner.outcome).toMatchObject({ status: 'failed', error: { code: 'MODEL_UNAVAILABLE' } });
  expect(runner.types()).toContain('task:retry');
});

test('an abandoned stream is aborted and returned', async () => {
  let signal: AbortSignal | undefined;
  const returned = vi.fn();
  const streaming = withResolvers();
  const model = {
    stream: (_: unknown, options: { signal: AbortSignal }) => {
      signal = options.signal;
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            streaming.resolve();
            return new Promise<never>(() => {});
          },
          return: returned,
        }),
      };
    },
  };
  const { executor } = world([], { model: model as never });
  const runner = executor();
  const started = runner.start();
  await streaming.promise;
  await runner.pause();
  await started;
  expect(signal?.aborted).toBe(true);
  expect(returned).toHaveBeenCalledOnce();
});
