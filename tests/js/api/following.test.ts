import { getEventListeners } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { virtualClock } from '../../../js/clock.js';
import {
  createTaskEngine,
  drainTaskExecution,
  memoryStore,
  type TaskEvent,
  TaskExecutor,
  TaskLifecycle,
  TaskPersistence,
} from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { TaskHost, TaskStore } from '../../../js/types.js';
import { elsewhere } from './elsewhere.js';
import { taskWith } from './fixtures.js';
import { add, heldTool, world } from './world.js';

const callAdd = { text: 'Adding.', tools: [{ name: 'add', input: { a: 1, b: 2 }, id: 'c1' }] };
const journal = 'users/u/tasks/t/journal';
const live = 'users/u/tasks/t/engine/live';

afterEach(() => vi.restoreAllMocks());

/** Lets everything happen that is under way. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 30));
/** The engine has to be compiled for it first, which takes as long as it takes. */
const hasRead = (counts: { reads: number }) =>
  vi.waitFor(() => expect(counts.reads).toBe(1), { timeout: 20_000 }).then(settled);

type OnChange = (newest?: string) => void;

/**
 * The store as another process has it, counted. `listener` is told to each watch, and calls back when it likes, as the
 * listeners of Firestore do with what they find at first.
 */
function counted(inner: TaskStore, listener: (onChange: OnChange) => void = () => {}) {
  const counts = { reads: 0, watches: 0, watching: 0, live: 0 };
  const store: TaskStore = {
    ...inner,
    id: `${inner.id} from elsewhere`,
    read: (...args) => {
      counts.reads += 1;
      return inner.read(...args);
    },
    list: (...args) => {
      counts.reads += 1;
      return inner.list(...args);
    },
    watch: (paths, onChange) => {
      if (paths[0] === live) {
        counts.live += 1;
        const end = inner.watch?.(paths, onChange);
        return () => {
          counts.live -= 1;
          end?.();
        };
      }
      counts.watches += 1;
      counts.watching += 1;
      expect(paths).toEqual([journal]);
      const end = inner.watch?.(paths, async () => {
        const all = await inner.list(journal, { limit: 500 });
        onChange(all.at(-1)?.path.split('/').at(-1) ?? '');
      });
      listener(onChange);
      return () => {
        counts.watching -= 1;
        end?.();
      };
    },
  };
  return { store, counts };
}

function follow(options: object, after?: string) {
  const seen: TaskEvent[] = [];
  const controller = new AbortController();
  const ended = (async () => {
    const events = new TaskLifecycle('t', 'u', options).events({ after, signal: controller.signal });
    for await (const event of events) seen.push(event);
    return 'ended';
  })();
  const types = () => seen.map(({ type }) => type);
  return { seen, types, ended, stop: () => controller.abort() };
}

test('an idle follower of a store that watches has one watch, and reads once', async () => {
  const { store: inner, executor } = world([callAdd, 'It is 3.'], { tools: { add } });
  await executor().start();
  const newest = (await inner.list(journal, { limit: 500 })).at(-1)?.path.split('/').at(-1);
  const clock = virtualClock({ auto: false });
  const { store, counts } = counted(inner, (onChange) => setTimeout(() => onChange(newest), 5));
  const following = follow({ store, clock });
  await hasRead(counts);
  expect(counts).toEqual({ reads: 1, watches: 1, watching: 1, live: 0 });
  await clock.advance(3_600_000);
  expect(counts).toEqual({ reads: 1, watches: 1, watching: 1, live: 0 });
  following.stop();
  await following.ended;
  expect(counts.watching).toBe(0);
});

test('changes that concern no follower are not read, news is told at once, and the watch stays the same', async () => {
  const { store: inner, executor } = world([callAdd, 'It is 3.'], { tools: { add } });
  const clock = virtualClock({ auto: false });
  const { store, counts } = counted(inner, (onChange) => setTimeout(() => onChange(''), 5));
  const following = follow({ store, clock });
  await hasRead(counts);
  const runner = executor();
  await runner.start();
  await vi.waitFor(() => expect(following.types().at(-1)).toBe('task:completed'));
  expect(following.seen).toEqual(runner.seen.filter(({ id }) => id !== undefined));
  await settled();
  const { reads } = counts;
  await clock.advance(3_600_000);
  expect(counts).toEqual({ reads, watches: 1, watching: 1, live: 0 });
  following.stop();
  await following.ended;
});

test('what was stored between the read and the first call of a listener is not lost', async () => {
  for (const says of [true, false]) {
    const { store: inner, executor } = world(['Done.']);
    let onChange: OnChange = () => {};
    const deaf: TaskStore = { ...inner, watch: () => () => {} };
    const { store, counts } = counted(deaf, (told) => {
      onChange = told;
    });
    const following = follow({ store });
    await hasRead(counts);
    await executor().start();
    const newest = (await inner.list(journal, { limit: 500 })).at(-1)?.path.split('/').at(-1);
    if (says) onChange(newest);
    else onChange();
    await vi.waitFor(() => expect(following.types().at(-1)).toBe('task:completed'));
    following.stop();
    await following.ended;
  }
});

test('a first call that does not say what it saw costs one more look, one before the read costs none', async () => {
  for (const [delay, reads] of [
    [5, 2],
    [undefined, 1],
  ] as const) {
    const { store: inner } = world([]);
    const clock = virtualClock({ auto: false });
    const { store, counts } = counted(inner, (onChange) =>
      delay === undefined ? onChange() : setTimeout(onChange, delay),
    );
    const following = follow({ store, clock });
    await settled();
    await clock.advance(600_000);
    expect(counts).toEqual({ reads, watches: 1, watching: 1, live: 0 });
    following.stop();
    await following.ended;
  }
});

test('a task that is deleted ends its followers, though their watch is on the journal', async () => {
  const { store: inner, executor } = world(['Done.']);
  await executor().start();
  const { store, counts } = counted(inner, (onChange) => setTimeout(() => onChange(''), 1));
  const following = follow({ store }, '0');
  await vi.waitFor(() => expect(following.types().at(-1)).toBe('task:completed'));
  await new TaskPersistence('t', 'u', { store: inner }).delete();
  // Depending on how far that has come when they look.
  const code = expect.stringMatching('TASK_NOT_FOUND|STALE_HISTORY');
  await expect(following.ended).rejects.toMatchObject({ code });
  expect(counts.watching).toBe(0);
});

test('a follower that nobody reads holds nothing and asks for nothing', async () => {
  const { store, counts } = counted(world([]).store);
  const controller = new AbortController();
  const lifecycle = new TaskLifecycle('t', 'u', { store });
  const iterators = Array.from({ length: 20 }, () =>
    lifecycle.events({ after: '0', signal: controller.signal })[Symbol.asyncIterator](),
  );
  await settled();
  expect(counts).toEqual({ reads: 0, watches: 0, watching: 0, live: 0 });
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  controller.abort();
  expect(await Promise.all(iterators.map((iterator) => iterator.next()))).toEqual(
    iterators.map(() => ({ done: true, value: undefined })),
  );
  expect(counts).toEqual({ reads: 0, watches: 0, watching: 0, live: 0 });
});

/** A store in which every read of the journal, or of anything, is under way for ever. */
function hanging(): TaskStore {
  const inner = memoryStore({ tasks: [taskWith(['Do it'])] });
  return { ...inner, read: () => new Promise(() => {}) };
}

test('an abort, return() and drain are heard while a read is under way', async () => {
  const ways: Record<string, (events: AsyncIterator<TaskEvent>, controller: AbortController) => unknown> = {
    abort: (_, controller) => controller.abort(),
    'return()': (events) => events.return?.(),
    drain: () => drainTaskExecution(),
  };
  for (const [way, end] of Object.entries(ways)) {
    for (const after of ['0', undefined]) {
      const controller = new AbortController();
      const lifecycle = new TaskLifecycle('t', 'u', { store: hanging() });
      const events = lifecycle.events({ after, signal: controller.signal })[Symbol.asyncIterator]();
      const asked = [events.next(), events.next()];
      await settled();
      await end(events, controller);
      expect(await Promise.all(asked), way).toEqual([
        { done: true, value: undefined },
        { done: true, value: undefined },
      ]);
      expect(await events.next()).toEqual({ done: true, value: undefined });
    }
  }
});

test('drain ends idle followers, and those of a run once they have been told its end', async () => {
  const { held, isCalled, release } = heldTool();
  const { store, executor } = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held } });
  const idle = [follow(counted(world([]).store)), follow({ store: world([]).store }, '0')];
  const polling = follow({ store: { ...world([]).store, watch: undefined } as never });
  const runner = executor();
  const started = runner.start();
  await isCalled;
  const watching = follow({ store }, '0');
  await settled();
  const drained = drainTaskExecution();
  expect(await Promise.all([...idle, polling].map(({ ended }) => ended))).toEqual([
    'ended',
    'ended',
    'ended',
  ]);
  release('x');
  await Promise.all([drained, started]);
  expect(await watching.ended).toBe('ended');
  expect(watching.types().at(-1)).toBe('task:run_ended');
  expect(runner.outcome).toMatchObject({ status: 'yielded', reason: 'drain' });
});

test('drain does not wait for a reader who is busy, who is still told what has arrived', async () => {
  const { held, isCalled, release } = heldTool();
  const { store, executor } = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held } });
  const started = executor().start();
  await isCalled;
  const events = new TaskLifecycle('t', 'u', { store }).events({ after: '0' })[Symbol.asyncIterator]();
  expect(await events.next()).toMatchObject({ value: { type: 'task:started' } });
  const drained = drainTaskExecution();
  release('x');
  await Promise.all([drained, started]);
  const told: string[] = [];
  for (let next = await events.next(); !next.done; next = await events.next()) told.push(next.value.type);
  expect(told.at(-1)).toBe('task:run_ended');
});

test('a drain whose time is up ends followers of runs that go on', async () => {
  const { held, isCalled, release } = heldTool();
  const { store, executor } = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held } });
  const started = executor().start();
  await isCalled;
  const following = follow({ store });
  await settled();
  await drainTaskExecution({ timeoutMs: 20 });
  expect(await following.ended).toBe('ended');
  release('x');
  await started;
});

test("an engine's drain ends the followers of that engine only", async () => {
  const engines = [1, 2].map(() =>
    createTaskEngine({ store: memoryStore({ tasks: [taskWith(['Do it'])] }) }),
  );
  const ended: number[] = [];
  const loops = engines.map(async (engine, n) => {
    for await (const _ of engine.lifecycle('t', 'u').events());
    ended.push(n);
  });
  await settled();
  await engines[0]?.drain();
  await settled();
  expect(ended).toEqual([0]);
  await drainTaskExecution();
  await Promise.all(loops);
  expect(ended).toEqual([0, 1]);
});

test('one signal for many runs and followers is listened to once, and left when the last has ended', async () => {
  const warned = vi.fn();
  process.on('warning', warned);
  const tasks = Array.from({ length: 20 }, (_, n) => ({ ...taskWith(['Do it']), id: `t${n}` }));
  const store = memoryStore({ tasks });
  const engine = createTaskEngine({ store, model: scriptedModel(() => 'Some text.', { delayMs: 20 }) });
  const { signal } = new AbortController();
  const stop = new AbortController();
  const loops = tasks.map(async ({ id }) => {
    for await (const _ of engine.lifecycle(id, 'u').events({ signal: stop.signal }));
  });
  const runs = tasks.map(({ id }) => engine.executor(id, 'u').run({ signal }).outcome);
  await settled();
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1);
  const outcomes = await Promise.all(runs);
  expect(outcomes.map(({ status }) => status)).toEqual(tasks.map(() => 'completed'));
  stop.abort();
  await Promise.all(loops);
  await settled();
  process.off('warning', warned);
  expect(warned).not.toHaveBeenCalled();
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('an abort of that signal yields every run that it was given to', async () => {
  const { held, isCalled, release } = heldTool();
  const controller = new AbortController();
  const { signal } = controller;
  const runs = [1, 2].map(() => {
    const { options } = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held } });
    return new TaskExecutor('t', 'u', options).run({ signal });
  });
  await Promise.all(runs.map(({ started }) => started));
  await isCalled;
  controller.abort();
  release('x');
  for (const run of runs) expect(await run.outcome).toMatchObject({ status: 'yielded', reason: 'signal' });
});

/** A follower whose first read is answered at `answer()`. */
async function followingLate(options: TaskHost, store: TaskStore) {
  let answer = () => {};
  const late = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const read = vi.fn<TaskStore['read']>(async (...args) => {
    await late;
    return store.read(...args);
  });
  const following = follow({ ...options, store: { ...store, read } });
  await vi.waitFor(() => expect(read).toHaveBeenCalled(), { timeout: 20_000 });
  return { following, answer };
}

test('whoever subscribes before a run begins is told all of it, also where the first read is answered late', async () => {
  const { store, options, executor } = world([callAdd, 'It is 3.'], { tools: { add } });
  const { following, answer } = await followingLate(options, store);
  const runner = executor();
  await runner.start();
  answer();
  await vi.waitFor(() => expect(following.types()).toContain('task:completed'));
  const facts = (events: TaskEvent[]) => events.filter(({ id }) => id !== undefined);
  expect(facts(following.seen)).toEqual(facts(runner.seen));
  following.stop();
  await following.ended;
});

test('whoever subscribes before a run that runs nothing is told what another process stores after it', async () => {
  const { store, options, executor } = world(['This text is cut short.', 'Done.']);
  const runner = executor();
  runner.once('task:message', () => void runner.pause());
  await runner.start();
  const { following, answer } = await followingLate(options, store);
  expect(await executor().run().outcome).toMatchObject({ status: 'paused' });
  answer();
  await settled();
  await new TaskLifecycle('t', 'u', { ...options, store: elsewhere(store) }).resume();
  await vi.waitFor(() => expect(following.types()).toContain('task:resumed'), { timeout: 20_000 });
  following.stop();
  await following.ended;
});

test('whoever joins a turn that another process takes over is told what that one stores', async () => {
  const { store, executor } = world(['There.']);
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  async function* stream() {
    yield { messageStart: { role: 'assistant' as const } };
    yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'Here.' } } };
    await held;
    yield { contentBlockStop: { contentBlockIndex: 0 } };
    yield { messageStop: { stopReason: 'end_turn' as const } };
  }
  const runner = executor({ model: { stream } });
  const started = runner.start();
  await vi.waitFor(() => expect(runner.types()).toContain('task:message_saved'), { timeout: 20_000 });
  const following = follow({ store });
  await vi.waitFor(() => expect(following.types()).toContain('task:message'));
  const head = 'users/u/tasks/t/engine/head';
  const [now] = await store.read([head]);
  const fields = [
    { path: ['epoch'], value: Number(now?.data.epoch) + 1 },
    { path: ['owner'], delete: true as const },
  ];
  await store.commit([{ op: 'update', path: head, fields }]);
  const other = executor({ store: { ...store, id: 'elsewhere' } });
  await other.run().outcome;
  goOn();
  await started;
  expect(runner.outcome?.status).toBe('superseded');
  await vi.waitFor(() => expect(following.types()).toContain('task:completed'));
  const facts = (events: TaskEvent[]) => events.filter(({ id }) => id !== undefined);
  expect(facts(following.seen)).toEqual(facts(other.seen));
  following.stop();
  await following.ended;
});
