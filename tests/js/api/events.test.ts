import { expect, test, vi } from 'vitest';
import { type VirtualClock, virtualClock } from '../../../js/clock.js';
import {
  memoryStore,
  type TaskEvent,
  TaskExecutor,
  TaskLifecycle,
  TaskPersistence,
} from '../../../js/index.js';
import { faultyStore } from '../../../js/testing/faulty-store.js';
import type { TaskHost, TaskStore } from '../../../js/types.js';
import { taskWith } from './fixtures.js';
import { add, collect, heldTool, world } from './world.js';

const callAdd = { text: 'Adding.', tools: [{ name: 'add', input: { a: 1, b: 2 }, id: 'c1' }] };

/** A store that cannot watch, as another process has it: what runs on the one is no run of the other. */
function elsewhere(store: TaskStore): TaskStore {
  const { watch: _, ...others } = store;
  return { ...others, id: `${store.id} from elsewhere` };
}

function follow(host: Partial<TaskHost>, options: { after?: string } = {}) {
  const controller = new AbortController();
  const seen: TaskEvent[] = [];
  const ended = (async () => {
    const lifecycle = new TaskLifecycle('t', 'u', host);
    for await (const event of lifecycle.events({ ...options, signal: controller.signal })) seen.push(event);
  })();
  return { seen, ended, stop: () => controller.abort(), types: () => seen.map(({ type }) => type) };
}

test('a store that is away for minutes is asked again, more and more seldom, and the host is told', async () => {
  const { store, executor } = world(['Done.']);
  await executor().start();
  const clock = virtualClock();
  const away = faultyStore(elsewhere(store), () => ({ kind: 'error', code: 'unavailable' }));
  const warn = vi.fn();
  const logger = { ...console, warn };
  const following = follow({ store: away, clock, logger }, { after: '0' });
  await vi.waitFor(() => expect(warn.mock.calls.length).toBeGreaterThan(6));
  expect(following.seen).toEqual([]);
  const waits = warn.mock.calls.map(([message]) => Number(/in (\d+) ms/.exec(message)?.[1]));
  expect(waits.slice(0, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  away.enabled = false;
  await vi.waitFor(() => expect(following.types().at(-1)).toBe('task:completed'));
  following.stop();
  await following.ended;
});

test('a failure in between is no gap: the next look begins where the last one ended', async () => {
  const { store, executor } = world([callAdd, 'It is 3.'], { tools: { add } });
  const clock = virtualClock();
  const flaky = faultyStore(elsewhere(store), { seed: 7, error: 0.4, reply_lost: 0.2 }, { clock });
  const following = follow({ store: flaky, clock }, { after: '0' });
  const runner = executor();
  await runner.start();
  await vi.waitFor(() => expect(following.types().at(-1)).toBe('task:completed'));
  following.stop();
  await following.ended;
  expect(following.seen).toEqual(runner.seen.filter(({ id }) => id !== undefined));
  expect(flaky.injected.error).toBeGreaterThan(0);
});

test('what another try cannot help is thrown, also later on', async () => {
  const { store } = world([]);
  const clock = virtualClock();
  const denied = faultyStore(elsewhere(store), () => ({ kind: 'error', code: 'denied' }));
  await expect(follow({ store: denied, clock }).ended).rejects.toMatchObject({ code: 'STORE_DENIED' });
  await expect(collect(new TaskLifecycle('nowhere', 'u', { store }).events())).rejects.toMatchObject({
    code: 'TASK_NOT_FOUND',
  });

  const following = follow({ store: elsewhere(store), clock }, { after: '0' });
  await clock.advance(5_000);
  await new TaskPersistence('t', 'u', { store }).delete();
  await expect(following.ended).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
});

/** A task that a follower elsewhere can only poll, by a clock that moves by hand. */
function polled() {
  const { store, executor } = world([callAdd, 'It is 3.'], { tools: { add } });
  const clock: VirtualClock = virtualClock({ auto: false });
  const read = vi.fn(store.read);
  const following = follow({ store: { ...elsewhere(store), read }, clock });
  return { store, executor, clock, read, following };
}

test('without watch the store is looked at each second, and more seldom the longer nothing happens', async () => {
  const { clock, read, following } = polled();
  await clock.advance(0);
  const looksIn = async (ms: number) => {
    read.mockClear();
    await clock.advance(ms);
    return read.mock.calls.length;
  };
  expect(await looksIn(4_500)).toBe(4);
  expect(await looksIn(55_500)).toBeLessThan(15);
  expect(await looksIn(600_000)).toBe(60);
  following.stop();
  await following.ended;
  expect(await looksIn(60_000)).toBe(0);
});

test('after long silence news is seen within ten seconds, and what follows it within a second', async () => {
  const { clock, executor, following } = polled();
  await clock.advance(600_000);
  const runner = executor();
  runner.once('task:tool_call', () => void runner.pause());
  await runner.start();
  await clock.advance(10_000);
  expect(following.types().at(-1)).toBe('task:paused');
  await runner.resume();
  await clock.advance(1_000);
  expect(following.types().at(-1)).toBe('task:completed');
  following.stop();
  await following.ended;
});

test('a store whose watch throws is polled', async () => {
  const { store, executor } = world(['Done.']);
  const clock = virtualClock();
  const warn = vi.fn();
  const broken: TaskStore = {
    ...elsewhere(store),
    watch: () => {
      throw new Error('no watching here');
    },
  };
  const following = follow({ store: broken, clock, logger: { ...console, warn } }, { after: '0' });
  await vi.waitFor(() => expect(warn).toHaveBeenCalled());
  await executor().start();
  await vi.waitFor(() => expect(following.types().at(-1)).toBe('task:completed'));
  expect(warn.mock.calls).toEqual([[expect.stringContaining('no watching here')]]);
  following.stop();
  await following.ended;
});

test('whoever joins late gets the stored facts first, and no text of what is saved already', async () => {
  const { held, isCalled, release } = heldTool();
  const inner = memoryStore({ tasks: [taskWith(['Do it'])] });
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let slow = false;
  const store: TaskStore = {
    ...inner,
    list: async (collection, options) => {
      if (slow && collection.endsWith('/journal')) await opened;
      return inner.list(collection, options);
    },
  };
  const { executor } = world([{ text: 'First.', tools: [{ name: 'held', input: {} }] }, 'Second.'], {
    tools: { held },
    store,
  });
  const runner = executor();
  const started = runner.start();
  await isCalled;
  slow = true;
  const following = follow({ store }, { after: '0' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  release('x');
  await vi.waitFor(() => expect(runner.types()).toContain('task:completed'));
  open();
  await started;
  await vi.waitFor(() => expect(following.types()).toContain('task:run_ended'));
  following.stop();
  await following.ended;
  const facts = (all: TaskEvent[]) => all.filter(({ id }) => id !== undefined);
  expect(facts(following.seen)).toEqual(facts(runner.seen));
  const saved = new Set<string>();
  for (const event of following.seen) {
    if (event.type === 'task:message_saved') saved.add(event.messageId);
    if (event.type === 'task:message') expect(saved).not.toContain(event.messageId);
  }
});

test('one loop follows run after run of this process', async () => {
  const { executor, store } = world([callAdd, 'It is 3.'], { tools: { add } });
  const following = follow({ store });
  await new Promise((resolve) => setTimeout(resolve, 10));
  const runner = executor();
  runner.once('task:tool_call', () => void runner.pause());
  await runner.start();
  await new TaskExecutor('t', 'u', world([], { store }).options).run().outcome;
  await runner.resume();
  await vi.waitFor(() => expect(following.types().at(-1)).toBe('task:run_ended'));
  await vi.waitFor(() =>
    expect(following.types().filter((type) => /started|paused|resumed|completed/.test(type))).toEqual([
      'task:started',
      'task:paused',
      'task:resumed',
      'task:completed',
    ]),
  );
  following.stop();
  await following.ended;
});
