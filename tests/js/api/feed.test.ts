import { expect, test, vi } from 'vitest';
import { Feed } from '../../../js/api/feed.js';
import { isAfter, type Page } from '../../../js/api/stored-events.js';
import { virtualClock } from '../../../js/clock.js';
import { TaskExecutionError, type TaskStore, tool } from '../../../js/index.js';
import type { TaskEvent, TaskOutcome } from '../../../js/types.js';
import { collect, world } from './world.js';

const outcome: TaskOutcome = {
  status: 'completed',
  text: '',
  usage: {} as never,
  items: [],
  unfinished: false,
};
/** What a feed keeps in memory, in characters. */
const bound = 256 * 1024;

/** A journal that a feed reads, and what goes into both. */
function journal(feedOf: (page: (after?: string) => Promise<Page>) => Feed, pageSize = 7) {
  const facts: TaskEvent[] = [];
  const read = vi.fn(async (after = '0'): Promise<Page> => {
    const rest = facts.filter(({ id }) => isAfter(id as string, after));
    const events = structuredClone(rest.slice(0, pageSize));
    const cursor = events.at(-1)?.id ?? after;
    return { events, cursor, more: rest.length > pageSize, status: 'in_progress' };
  });
  const feed = feedOf(read);
  const fact = (type: string, payload: object) => {
    const id = `${facts.length + 1}.0`;
    const event = { type, taskId: 't', ...payload, id, seq: facts.length + 1, epoch: 1, at: '' };
    facts.push(event as never);
    feed.event(JSON.stringify(event));
  };
  const saved = (messageId: string, content: string) =>
    fact('task:message_saved', { messageId, role: 'assistant', content, streaming: false });
  return { feed, facts, read, fact, saved };
}

const host = { store: {} as TaskStore, clock: virtualClock() };
const feedOn = (read: (after?: string) => Promise<Page>, of = host) =>
  new Feed('t', { host: async () => of, command: (_, { after }) => read(after) });

async function rest(feed: Feed): Promise<TaskEvent[]> {
  const all: TaskEvent[] = [];
  for (let event = await feed.next(); event !== undefined; event = await feed.next()) all.push(event);
  return all;
}

/** The text that was streamed of each saved message, and whether any of it came too late. */
function streamed(events: TaskEvent[]) {
  const texts = new Map<string, Map<number, string>>();
  const closed = new Set<string>();
  const late: string[] = [];
  const finals: [string, string | undefined][] = [];
  for (const event of events) {
    if (event.type === 'task:message') {
      const attempts = texts.get(event.messageId) ?? new Map<number, string>();
      texts.set(event.messageId, attempts);
      attempts.set(event.attempt, (attempts.get(event.attempt) ?? '') + event.content);
      if (closed.has(event.messageId)) late.push(event.messageId);
    }
    if (event.type === 'task:message_saved' && event.role === 'assistant') {
      closed.add(event.messageId);
      const attempts = [...(texts.get(event.messageId) ?? [])].sort(([a], [b]) => a - b);
      finals.push([event.content, attempts.at(-1)?.[1]]);
    }
  }
  return { finals, late };
}

test('text that waits is merged by message and attempt, whatever comes in between', async () => {
  const { feed, fact } = journal(feedOn);
  for (const n of [1, 2, 3]) {
    feed.delta('m', 1, `a${n}`);
    feed.event(JSON.stringify({ type: 'task:reasoning', taskId: 't', delta: `r${n}` }));
  }
  feed.event(
    JSON.stringify({ type: 'task:message', taskId: 't', messageId: 'm', attempt: 1, content: 'a4' }),
  );
  feed.event(
    JSON.stringify({ type: 'task:retry', taskId: 't', messageId: 'm', attempt: 1, code: 'x', delayMs: 1 }),
  );
  feed.delta('m', 2, 'b1');
  feed.delta('m', 2, 'b2');
  fact('task:usage', {});
  feed.ended(outcome, true);
  const said = (await rest(feed)).map((event) =>
    event.type === 'task:message'
      ? event.content
      : event.type === 'task:reasoning'
        ? event.delta
        : event.type,
  );
  expect(said).toEqual(['a1a2a3a4', 'r1r2r3', 'task:retry', 'b1b2', 'task:usage', 'task:run_ended']);
});

test('a feed that nobody reads stays small, and can still tell all facts and all text in order', async () => {
  const { feed, facts, fact, saved, read } = journal(feedOn);
  let largest = 0;
  for (let turn = 0; turn < 500; turn += 1) {
    for (let n = 0; n < 10; n += 1) feed.delta(`m${turn}`, 1, `${turn}:${n} `.repeat(20));
    saved(`m${turn}`, Array.from({ length: 10 }, (_, n) => `${turn}:${n} `.repeat(20)).join(''));
    fact('task:tool_result', { content: [{ text: 'x'.repeat(5_000) }] });
    largest = Math.max(largest, feed.size);
  }
  feed.ended(outcome, true);
  expect(largest).toBeLessThan(bound + 10_000);
  expect(read).not.toHaveBeenCalled();
  const events = await rest(feed);
  expect(events.filter(({ id }) => id !== undefined)).toEqual(facts);
  const { finals, late } = streamed(events);
  expect(finals).toHaveLength(500);
  expect(finals.filter(([content, text]) => content !== text)).toEqual([]);
  expect(late).toEqual([]);
  expect(events.at(-1)?.type).toBe('task:run_ended');
});

test.each(Array.from({ length: 20 }, (_, seed) => seed))(
  'a reader of any speed gets every fact once and whole messages (seed %i)',
  async (seed) => {
    let state = seed * 7919 + 1;
    const random = (below: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const { feed, facts, fact, saved } = journal(feedOn);
    const seen: TaskEvent[] = [];
    const reads: Promise<void>[] = [];
    const readSome = async (count: number) => {
      for (let n = 0; n < count; n += 1) {
        const read = feed.next().then((event) => {
          if (event !== undefined) seen.push(event);
        });
        reads.push(read);
        if (random(3) > 0) await Promise.race([read, new Promise((resolve) => setTimeout(resolve, 1))]);
      }
    };
    for (let turn = 0; turn < 60; turn += 1) {
      const attempts = 1 + (random(4) === 0 ? random(3) : 0);
      let text = '';
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        text = '';
        for (let n = random(12) + 1; n > 0; n -= 1) {
          const delta = `${turn}.${attempt}.${n};`.repeat(1 + random(400));
          text += delta;
          feed.delta(`m${turn}`, attempt, delta);
          if (random(5) === 0)
            feed.event(`{"type":"task:reasoning","taskId":"t","delta":"${'r'.repeat(random(9000))}"}`);
          if (random(6) === 0) await readSome(random(4));
        }
        if (attempt < attempts)
          feed.event(
            `{"type":"task:retry","taskId":"t","messageId":"m${turn}","attempt":${attempt},"code":"X","delayMs":1}`,
          );
      }
      saved(`m${turn}`, text);
      for (let n = random(3); n > 0; n -= 1)
        fact('task:tool_result', { content: 'x'.repeat(random(40_000)) });
      if (random(4) === 0) await readSome(random(20));
    }
    feed.ended(outcome, true);
    await Promise.all(reads);
    seen.push(...(await rest(feed)));
    expect(seen.filter(({ id }) => id !== undefined)).toEqual(facts);
    const { finals, late } = streamed(seen);
    expect(finals.filter(([content, text]) => content !== text)).toEqual([]);
    expect(late).toEqual([]);
  },
);

test('a reader who has seen the beginning of a message gets the rest of it, once', async () => {
  const { feed, fact, saved } = journal(feedOn);
  const flood = () => {
    for (let n = 0; n < 50; n += 1) fact('task:tool_result', { content: 'x'.repeat(10_000) });
  };
  feed.delta('m', 1, 'one ');
  const first = await feed.next();
  feed.delta('m', 1, 'two ');
  flood();
  feed.delta('m', 1, 'three');
  saved('m', 'one two three');
  flood();
  feed.close();
  const events = await rest(feed);
  const texts = [first, ...events].flatMap((event) =>
    event?.type === 'task:message' ? [event.content] : [],
  );
  expect(texts).toEqual(['one ', 'two three']);
  expect(events).toHaveLength(102);
});

test('an attempt that a reader has seen a part of is closed for them, however late they come back', async () => {
  const { feed, fact, saved } = journal(feedOn);
  feed.delta('m', 1, 'never mind');
  expect(await feed.next()).toMatchObject({ content: 'never mind' });
  feed.event('{"type":"task:retry","taskId":"t","messageId":"m","attempt":1,"code":"X","delayMs":1}');
  feed.delta('m', 2, 'This.');
  saved('m', 'This.');
  for (let n = 0; n < 100; n += 1) fact('task:tool_result', { content: 'x'.repeat(10_000) });
  feed.close();
  const events = await rest(feed);
  expect(events.slice(0, 3)).toMatchObject([
    { type: 'task:retry', attempt: 1 },
    { type: 'task:message', attempt: 2, content: 'This.' },
    { type: 'task:message_saved' },
  ]);
  expect(events).toHaveLength(103);
});

test('an attempt that was given up and forgotten is not told after the one that was saved', async () => {
  const { feed, fact, saved } = journal(feedOn);
  feed.delta('m', 1, 'x'.repeat(200_000));
  feed.event('{"type":"task:retry","taskId":"t","messageId":"m","attempt":1,"code":"X","delayMs":1}');
  feed.delta('m', 2, 'This.');
  saved('m', 'This.');
  fact('task:tool_result', { content: 'x'.repeat(70_000) });
  feed.close();
  const texts = (await rest(feed)).flatMap((event) => (event.type === 'task:message' ? [event] : []));
  expect(texts).toMatchObject([{ attempt: 2, content: 'This.' }]);
});

test('a message whose beginning was forgotten, and whose end waits behind a fact, is told once and in order', async () => {
  const { feed, fact, saved } = journal(feedOn);
  const beginning = 'x'.repeat(200_000);
  feed.delta('m', 1, beginning);
  fact('task:progress_update', {});
  feed.delta('m', 1, 'The end.');
  fact('task:tool_result', { content: 'x'.repeat(70_000) });
  const early = [await feed.next(), await feed.next()];
  feed.delta('m', 1, ' Really.');
  const whole = `${beginning}The end. Really.`;
  saved('m', whole);
  feed.close();
  const texts = [...early, ...(await rest(feed))].flatMap((event) =>
    event?.type === 'task:message' ? [event.content] : [],
  );
  expect(texts.join('')).toBe(whole);
});

test('facts are read again until the store answers, and what another try cannot help is thrown', async () => {
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const errors = ['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'] as ('STORE_UNAVAILABLE' | 'STORE_DENIED')[];
  const { feed, facts, fact } = journal((read) =>
    feedOn(
      (after) => {
        const code = errors.shift();
        return code === undefined ? read(after) : Promise.reject(new TaskExecutionError(code, 'no'));
      },
      { ...host, logger } as never,
    ),
  );
  for (let n = 0; n < 100; n += 1) fact('task:tool_result', { content: 'x'.repeat(10_000) });
  expect(await feed.next()).toEqual(facts[0]);
  expect(logger.warn).toHaveBeenCalledTimes(2);
  for (let n = 1; n < 7; n += 1) await feed.next();
  errors.push('STORE_DENIED');
  await expect(feed.next()).rejects.toMatchObject({ code: 'STORE_DENIED' });
  feed.ended(outcome, true);
  const left = await rest(feed);
  expect(left.at(-1)?.type).toBe('task:run_ended');
  expect(left[0]?.seq).toBeGreaterThan(8);
});

test('a run that is iterated long after its end tells all, from the journal where it was too much to keep', async () => {
  const turns = Array.from({ length: 120 }, (_, n) => ({
    text: `Turn ${n}.`,
    reasoning: 'hm '.repeat(50),
    tools: [{ name: 'big', input: { n } }],
  }));
  const big = tool({
    description: 'Big.',
    inputSchema: { type: 'object' },
    execute: () => 'x'.repeat(5_000),
  });
  const { executor, store } = world([...turns, 'Done.'], { tools: { big } });
  const list = vi.fn(store.list);
  const runner = executor({ store: { ...store, list } });
  const run = runner.run();
  await expect(run.outcome).resolves.toMatchObject({ status: 'completed' });
  list.mockClear();
  const events = await collect(run);
  expect(list).toHaveBeenCalled();
  const facts = (all: TaskEvent[]) => all.filter(({ id }) => id !== undefined);
  expect(facts(events)).toEqual(facts(runner.seen));
  expect(facts(events).length).toBeGreaterThan(400);
  const { finals, late } = streamed(events);
  expect(finals).toHaveLength(121);
  expect(finals.filter(([content, text]) => content !== text)).toEqual([]);
  expect(late).toEqual([]);
  expect(events.at(-1)).toMatchObject({ type: 'task:run_ended', outcome: { text: 'Done.' } });
});
