import { expect, test, vi } from 'vitest';
import { RemoteText } from '../../../js/api/remote-text.js';
import { createTaskEngine, TaskLifecycle, tool } from '../../../js/index.js';
import type { ModelClient, TaskEvent, TaskStore } from '../../../js/types.js';
import { elsewhere } from './elsewhere.js';
import { world } from './world.js';

const live = 'users/u/tasks/t/engine/live';

vi.setConfig({ testTimeout: 60_000 });

/** Follows, until the task has ended. */
function follow(store: TaskStore, how: { after?: string; signal?: AbortSignal } = {}) {
  const seen: TaskEvent[] = [];
  const ended = (async () => {
    const events = new TaskLifecycle('t', 'u', { store }).events({ ...how, until: 'ended' });
    for await (const event of events) seen.push(event);
  })();
  const texts = () => seen.flatMap((event) => (event.type === 'task:message' ? [event] : []));
  return { seen, texts, ended };
}

/** A model whose text is said by hand. */
function spoken() {
  const said: string[] = [];
  let wake = () => {};
  let over = false;
  const model: ModelClient = {
    async *stream(_, { signal }) {
      yield { messageStart: { role: 'assistant' as const } };
      while (!signal.aborted) {
        const text = said.shift();
        if (text !== undefined) yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text } } };
        else if (over) break;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener('abort', () => resolve());
          });
      }
      if (!signal.aborted) yield { messageStop: { stopReason: 'end_turn' } };
    },
  };
  const say = (...texts: string[]) => {
    said.push(...texts);
    wake();
  };
  const end = () => {
    over = true;
    wake();
  };
  return { model, say, end };
}

test('text of a run in another process is followed while it streams, joins without a gap, and becomes the saved message', async () => {
  const { model, say, end } = spoken();
  const { store, executor } = world([], { model });
  const early = follow(elsewhere(store));
  const run = executor().run({ liveMs: 100 });
  say('One ');
  await vi.waitFor(() => expect(early.texts().map(({ content }) => content)).toEqual(['One ']), 10_000);
  say('two ', 'three ');
  await vi.waitFor(
    () =>
      expect(
        early
          .texts()
          .map(({ content }) => content)
          .join(''),
      ).toBe('One two three '),
    10_000,
  );
  const late = follow(elsewhere(store));
  await vi.waitFor(() => expect(late.seen).toHaveLength(1), 10_000);
  expect(late.seen[0]).toMatchObject({
    type: 'task:message',
    attempt: 1,
    offset: 0,
    content: 'One two three ',
  });
  say('four.');
  end();
  await run.outcome;
  await Promise.all([early.ended, late.ended]);
  for (const { seen, texts } of [early, late]) {
    const saved = seen.find(
      (event) => event.type === 'task:message_saved' && event.role === 'assistant',
    ) as never;
    const { messageId, content } = saved as { messageId: string; content: string };
    expect(content).toBe('One two three four.');
    let until = 0;
    for (const text of texts()) {
      expect([text.messageId, text.offset]).toEqual([messageId, until]);
      until += text.content.length;
    }
    expect(
      content.startsWith(
        texts()
          .map((text) => text.content)
          .join(''),
      ),
    ).toBe(true);
    expect(seen.at(-1)?.type).toBe('task:completed');
  }
});

test('whoever joins a long turn gets its end, and is told where it begins', async () => {
  const { model, say, end } = spoken();
  const { store, executor } = world([], { model });
  const run = executor().run({ liveMs: 100 });
  const long = '0123456789'.repeat(1_000);
  say(long);
  await vi.waitFor(async () => expect((await store.read([live]))[0]).not.toBeNull(), 10_000);
  const late = follow(elsewhere(store));
  await vi.waitFor(() => expect(late.texts()).toHaveLength(1), 10_000);
  const [first] = late.texts();
  expect(first).toMatchObject({ offset: 10_000 - 4_096, content: long.slice(-4_096) });
  end();
  await run.outcome;
  await late.ended;
});

test('text that was saved, that nobody owns any more, or that is of another history is told to nobody', async () => {
  const { model, say, end } = spoken();
  const { store, executor } = world([], { model });
  const run = executor().run({ liveMs: 100 });
  say('Said.');
  await vi.waitFor(async () => expect((await store.read([live]))[0]).not.toBeNull(), 10_000);
  end();
  await run.outcome;
  const [kept] = await store.read([live]);
  expect(kept?.data.text).toBe('Said.');
  const all = follow(elsewhere(store), { after: '0' });
  await all.ended;
  expect(all.texts()).toEqual([]);
  expect(all.seen.at(-1)?.type).toBe('task:completed');
});

test('the live text is watched while the task is at work elsewhere, and no longer', async () => {
  const watched = new Map<string, number>();
  const count = (path: string, by: number) => watched.set(path, (watched.get(path) ?? 0) + by);
  const { held, called } = waiting();
  const { store, executor } = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held } });
  const counting = elsewhere(store, {
    watch: (paths, onChange) => {
      for (const path of paths) count(path, 1);
      const end = store.watch?.(paths, onChange);
      return () => {
        for (const path of paths) count(path, -1);
        end?.();
      };
    },
  });
  const gone = new AbortController();
  const following = follow(counting, { after: '0', signal: gone.signal });
  await vi.waitFor(() => expect(watched.get('users/u/tasks/t/journal')).toBe(1), 10_000);
  expect(watched.get(live)).toBeUndefined();
  const runner = executor({ graceMs: 20 });
  const started = runner.start();
  await called;
  await vi.waitFor(() => expect(watched.get(live)).toBe(1), 10_000);
  await runner.pause();
  await started;
  await vi.waitFor(() => expect(watched.get(live)).toBe(0), 10_000);
  expect(watched.get('users/u/tasks/t/journal')).toBe(1);
  gone.abort();
  await following.ended;
  expect([...watched.values()]).toEqual([0, 0]);
});

/** A tool that runs until it is aborted. */
function waiting() {
  let isCalled = () => {};
  const called = new Promise<void>((resolve) => {
    isCalled = resolve;
  });
  const held = tool({
    description: 'Waits.',
    inputSchema: { type: 'object' },
    execute: (_, { signal }) => {
      isCalled();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  });
  return { held, called };
}

test('a store that cannot watch is polled for the text too', async () => {
  const { model, say, end } = spoken();
  const { store, executor } = world([], { model });
  const following = follow(elsewhere(store, { watch: undefined as never }));
  const run = executor().run({ liveMs: 100 });
  say('Seen.');
  await vi.waitFor(() => expect(following.texts().map(({ content }) => content)).toEqual(['Seen.']), 10_000);
  end();
  await run.outcome;
  await following.ended;
});

test("until: 'ended' ends with the end of the task and with no pause, here and elsewhere", async () => {
  for (const of of [(store: TaskStore) => store, elsewhere]) {
    const { model, say, end } = spoken();
    const { store, executor } = world([], { model });
    const following = follow(of(store), { after: '0' });
    const runner = executor();
    const first = runner.start();
    say('Half ');
    await vi.waitFor(() => expect(runner.isRunning && runner.seen.length > 0).toBe(true), 10_000);
    await runner.pause();
    await first;
    await vi.waitFor(
      () => expect(following.seen.some(({ type }) => type === 'task:paused')).toBe(true),
      10_000,
    );
    say('Whole.');
    end();
    await runner.resume();
    await following.ended;
    expect(following.seen.filter(({ id }) => id !== undefined).at(-1)?.type).toBe('task:completed');
    const again = follow(of(store));
    await again.ended;
    expect(again.seen).toEqual([]);
  }
});

test("until: 'ended' sees a status that others have written", async () => {
  const { store } = world([]);
  const clock = (await import('../../../js/clock.js')).virtualClock({ auto: false });
  let ended = false;
  const loop = (async () => {
    for await (const _ of new TaskLifecycle('t', 'u', { store, clock }).events({ until: 'ended' }));
    ended = true;
  })();
  await new Promise((resolve) => setTimeout(resolve, 30));
  const fields = [{ path: ['status'], value: 'completed' }];
  await store.commit([{ op: 'update', path: 'users/u/tasks/t', fields }]);
  await clock.advance(29_000);
  expect(ended).toBe(false);
  await clock.advance(2_000);
  await loop;
});

test('until is refused where it is anything else', () => {
  const { store } = world([]);
  const events = (until: string) => new TaskLifecycle('t', 'u', { store }).events({ until } as never);
  expect(() => events('completed')).toThrow(/until must be 'ended'/);
});

test('what is stored of a text is told once, in order, whatever comes late or is left out', () => {
  const remote = new RemoteText('t');
  const told = (messageId: string, attempt: number, offset: number, content: string) => {
    const event = remote.delta({ messageId, attempt, offset, content });
    return event?.type === 'task:message' ? [event.offset, event.content] : undefined;
  };
  expect(remote.delta(undefined)).toBeUndefined();
  expect(told('a', 1, 0, 'abc')).toEqual([0, 'abc']);
  expect(told('a', 1, 0, 'abc')).toBeUndefined();
  expect(told('a', 1, 0, 'abcdef')).toEqual([3, 'def']);
  expect(told('a', 1, 0, 'ab')).toBeUndefined();
  expect(told('a', 1, 4, 'efgh')).toEqual([6, 'gh']);
  expect(told('a', 1, 20, 'xyz')).toEqual([20, 'xyz']);
  expect(remote.unsaved).toBe('a');
  expect(told('a', 2, 0, 'n')).toEqual([0, 'n']);
  expect(told('a', 1, 0, 'abcdefghijklmnopqrstuvwxyz')).toBeUndefined();
  remote.saved('a');
  expect(told('a', 2, 0, 'new')).toBeUndefined();
  expect(remote.unsaved).toBeUndefined();
  expect(told('b', 1, 0, '')).toBeUndefined();
  expect(told('b', 1, 0, 'b')).toEqual([0, 'b']);
});

// As in the jsdom of Jest.
test('followers that share a read need no structuredClone', async () => {
  vi.stubGlobal('structuredClone', undefined);
  try {
    const { store, executor } = world([{ text: 'Adding.', tools: [{ name: 'f', input: {} }] }, 'Done.'], {
      tools: { f: tool({ description: 'F.', inputSchema: { type: 'object' }, execute: () => ({ n: 1 }) }) },
    });
    const far = elsewhere(store);
    const followers = [follow(far, { after: '0' }), follow(far, { after: '0' })];
    const runner = executor();
    await runner.start();
    await Promise.all(followers.map(({ ended }) => ended));
    const facts = runner.seen.filter(({ id }) => id !== undefined);
    for (const { seen } of followers) expect(seen).toEqual(facts);
  } finally {
    vi.unstubAllGlobals();
  }
});

test('a hundred followers of one task elsewhere cost one watch of each kind, and one read for all where they are told', async () => {
  const { model, say, end } = spoken();
  const { store, executor } = world([], { model });
  const counts = { reads: 0, watches: 0, watching: 0 };
  const far = elsewhere(store);
  const counted: TaskStore = {
    ...far,
    read: (...args) => {
      counts.reads += 1;
      return far.read(...args);
    },
    watch: (paths, onChange) => {
      counts.watches += 1;
      counts.watching += 1;
      const unwatch = far.watch?.(paths, onChange);
      return () => {
        counts.watching -= 1;
        unwatch?.();
      };
    },
  };
  const engine = createTaskEngine({ store: counted });
  const seen = Array.from({ length: 100 }, () => '');
  const loops = seen.map(async (_, at) => {
    for await (const event of engine.lifecycle('t', 'u').events({ until: 'ended' })) {
      if (event.type === 'task:message') seen[at] += event.content;
      // Everybody's own.
      (event as { type: string }).type = 'spoilt';
    }
  });
  const run = executor().run({ liveMs: 100 });
  say('One ');
  await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set(['One '])), 30_000);
  expect(counts.watches).toBe(2);
  const { reads } = counts;
  say('two.');
  await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set(['One two.'])), 30_000);
  // One look, whether its message is saved included, and a heartbeat's at most.
  expect(counts.reads - reads).toBeLessThanOrEqual(4);
  end();
  await run.outcome;
  await Promise.all(loops);
  expect(counts.watching).toBe(0);
});
