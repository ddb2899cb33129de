import { describe, expect, test } from 'vitest';
import { type ModelClient, type Tool, tool } from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import { type Document, nameOf, olderTask, placesIn, replaced } from './documents.js';
import { type Episode, episode, failOnStrays } from './episode.js';
import { storeWith } from './store.js';
import { junk, never, restless, throwable, throwingThenable } from './values.js';

failOnStrays();

/** For a test of hundreds of runs, on a machine that is busy. Each run has its own, short limits. */
const timeout = 60_000;

const options = { retry: { attempts: 2, baseMs: 10 }, idleTimeoutMs: 1_000, graceMs: 100 };

type Stream = (signal: AbortSignal) => unknown;

/** A model whose first answers are hostile, and whose later ones say that the item is done. */
function model(hostile: Stream, times: number): ModelClient {
  const honest = scriptedModel(() => 'Done.');
  let asked = 0;
  return {
    stream: (request, given) => {
      asked += 1;
      return (asked <= times ? hostile(given.signal as AbortSignal) : honest.stream(request, given)) as never;
    },
  };
}

/** Runs with a stream that is hostile once, and always. Once is survived. */
async function survive(hostile: Stream, tools: Record<string, Tool> = {}): Promise<[Episode, Episode]> {
  const run = async (times: number) =>
    episode({
      store: await storeWith({ '': olderTask() }),
      host: { model: model(hostile, times), tools },
      options: { ...options, limits: { iterations: 6 } },
    });
  const [once, always] = [await run(1), await run(Number.POSITIVE_INFINITY)];
  expect(['completed', 'paused', 'failed'], String(once.error)).toContain(once.outcome?.status);
  expect(['completed', 'paused', 'failed'], String(always.error)).toContain(always.outcome?.status);
  if (always.error) expect(always.error.code).toMatch(/^(MODEL_|CONTEXT_OVERFLOW|TOO_LARGE)/);
  return [once, always];
}

async function* play(events: unknown[]) {
  for (const event of events) yield event;
}

const start = { messageStart: { role: 'assistant' } };
const text = (value: unknown, contentBlockIndex: unknown = 0) => ({
  contentBlockDelta: { contentBlockIndex, delta: { text: value } },
});
const stop = (contentBlockIndex: unknown = 0) => ({ contentBlockStop: { contentBlockIndex } });
const end = (stopReason: unknown = 'end_turn') => ({ messageStop: { stopReason } });
const use = (toolUseId: unknown, name: unknown, contentBlockIndex: unknown = 0) => ({
  contentBlockStart: { contentBlockIndex, start: { toolUse: { toolUseId, name } } },
});
const input = (value: unknown, contentBlockIndex: unknown = 0) => ({
  contentBlockDelta: { contentBlockIndex, delta: { toolUse: { input: value } } },
});
const look = tool({ description: 'Looks.', inputSchema: { type: 'object' }, execute: () => 'seen' });

describe('model.stream()', () => {
  test.each(junk)('that returns %s is tried again, and fails the task in the end', async (_, value) => {
    for (const hostile of [() => value(), () => Promise.resolve(value())]) {
      const [once, always] = await survive(hostile);
      expect(once.outcome?.status).toBe('completed');
      expect(always.outcome?.status).toBe('failed');
      expect(always.error?.message).toMatch(/\w{4}/);
    }
  });

  test.each(throwable)(
    'that throws or rejects with %s is tried again, and fails in the end',
    async (_, value) => {
      const throwing = () => {
        throw value;
      };
      for (const hostile of [throwing, () => Promise.reject(value)]) {
        const [, always] = await survive(hostile);
        expect(always.outcome?.status).toBe('failed');
        expect(always.error?.message.length).toBeLessThan(12_000);
      }
    },
  );

  test('that never settles is given up after idleTimeoutMs', async () => {
    const [once, always] = await survive(() => never);
    expect(once.outcome?.status).toBe('completed');
    expect(always.error?.code).toBe('MODEL_TIMEOUT');
  });

  test('that settles twice is taken by its first word', async () => {
    const [once] = await survive(() => restless(play([start, text('Done.'), end()])));
    expect(once.outcome?.status).toBe('completed');
  });

  test('is not called again once its signal was aborted late', async () => {
    const signals: AbortSignal[] = [];
    await survive((signal) => {
      signals.push(signal);
      return never;
    });
    // One attempt where it is hostile once, two where it always is.
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true, true]);
  });
});

describe('an iterator', () => {
  const iterators: [string, Stream][] = [
    ['that is none', () => ({ [Symbol.asyncIterator]: () => 7 })],
    ['without next', () => ({ [Symbol.asyncIterator]: () => ({}) })],
    ['that is no function', () => ({ [Symbol.asyncIterator]: 7 })],
    [
      'whose making throws',
      () => ({
        [Symbol.asyncIterator]() {
          throw new Error('iterator');
        },
      }),
    ],
    [
      'whose next throws',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next() {
            throw undefined;
          },
        }),
      }),
    ],
    ['whose next returns junk', () => ({ [Symbol.asyncIterator]: () => ({ next: () => 7 }) })],
    ['whose next returns null', () => ({ [Symbol.asyncIterator]: () => ({ next: async () => null }) })],
    ['whose next never settles', () => ({ [Symbol.asyncIterator]: () => ({ next: () => never }) })],
    ['whose next throws out of then', () => ({ [Symbol.asyncIterator]: () => ({ next: throwingThenable }) })],
    [
      'whose done is hostile',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: async () => ({
            get done() {
              throw new Error('done');
            },
          }),
        }),
      }),
    ],
    [
      'whose return throws',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: async () => ({ done: false, value: 7n }),
          return() {
            throw new Error('return');
          },
        }),
      }),
    ],
    [
      'whose return rejects',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: async () => ({ done: false, value: 7n }),
          return: () => Promise.reject(undefined),
        }),
      }),
    ],
    [
      'whose return never settles',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: async () => ({ done: false, value: 7n }),
          return: () => never,
        }),
      }),
    ],
    [
      'whose return is no function',
      () => ({ [Symbol.iterator]: () => ({ next: () => ({ value: 7n }), return: 7 }) }),
    ],
    ['that ends at once', () => play([])],
    ['that is a string', () => 'junk'],
  ];
  test.each(iterators)('%s is an attempt that failed', async (_, hostile) => {
    const [once, always] = await survive(hostile);
    expect(once.outcome?.status).toBe('completed');
    expect(always.outcome?.status).toBe('failed');
  });
});

describe('events', () => {
  test.each(junk)('that are %s are passed over or fail the attempt', async (_, value) => {
    await survive(() => play([start, value(), text('Done.'), value(), stop(), end(), value()]));
  });

  const sequences: [string, unknown[], 'completed' | 'paused' | 'failed'][] = [
    ['without a start', [text('Done.'), stop(), end()], 'completed'],
    ['without a stop of the block', [start, text('Done.'), end()], 'completed'],
    ['without an end', [start, text('Done.'), stop()], 'failed'],
    ['with two starts', [start, start, text('Done.'), end()], 'completed'],
    ['with two stops', [start, text('Done.'), stop(), stop(), end()], 'completed'],
    ['with two ends', [start, text('Done.'), end(), end()], 'completed'],
    ['of two messages', [start, text('Done.'), end(), start, text('More.'), end()], 'completed'],
    ['that go on after the end', [start, text('Done.'), end(), text('More.'), use('x', 'look')], 'paused'],
    ['with a delta after its stop', [start, text('Do'), stop(), text('ne.'), end()], 'completed'],
    ['with interleaved blocks', [start, text('a', 0), text('b', 1), text('c', 0), end()], 'completed'],
    ['of the wrong role', [{ messageStart: { role: 'user' } }, text('Done.'), end()], 'completed'],
    ['of blank text', [start, text(' \n'), end()], 'failed'],
    ['of nothing', [start, end()], 'failed'],
    [
      'with only reasoning',
      [start, { contentBlockDelta: { delta: { reasoningContent: { text: 'Hm' } } } }, end()],
      'failed',
    ],
    ['with an unknown stop reason', [start, text('Done.'), end('whatever')], 'completed'],
    ['with an unknown event', [start, { $unknown: ['later', {}] }, text('Done.'), end()], 'completed'],
    [
      'with an unknown delta',
      [start, { contentBlockDelta: { contentBlockIndex: 0, delta: { later: 1 } } }, text('Done.'), end()],
      'completed',
    ],
    ['that are malformed', [start, text('Done.'), end('malformed_model_output')], 'failed'],
  ];
  test.each(sequences)('%s', async (_, events, status) => {
    const [once, always] = await survive(() => play(events));
    expect(once.outcome?.status).toBe('completed');
    expect(always.outcome?.status, String(always.error)).toBe(status);
  });

  const uses: [string, unknown[]][] = [
    ['an id that is no string', [use(7, 'look'), input('{}')]],
    ['no id', [use(undefined, 'look'), input('{}')]],
    ['an id of 5 MB', [use('x'.repeat(5_000_000), 'look'), input('{}')]],
    ['a name that is no string', [use('c', {}), input('{}')]],
    ['no name', [use('c', undefined), input('{}')]],
    ['a name of 5 MB', [use('c', 'x'.repeat(5_000_000)), input('{}')]],
    ['a name that every object has', [use('c', 'constructor'), input('{}')]],
    ['__proto__ as its name', [use('c', '__proto__'), input('{}')]],
    ['input that is no string', [use('c', 'look'), input({ a: 1 })]],
    ['input without a start', [input('{}')]],
    ['input for another block', [use('c', 'look'), input('{}', 7)]],
    ['two starts at one index', [use('c', 'look'), use('d', 'look'), input('{}')]],
    ['the id of another', [use('c', 'look', 0), input('{}', 0), use('c', 'look', 1), input('{}', 1)]],
    ['text at its index', [use('c', 'look'), text('x'), input('{}')]],
  ];
  test.each(uses)('with a tool use that has %s are answered, each use once', async (_, events) => {
    const [once] = await survive(() => play([start, ...events, end('tool_use')]), { look });
    const asked = once.of('task:tool_call').length;
    expect(once.of('task:tool_result')).toHaveLength(asked);
  });

  test('of every kind with anything missing or of any type never fail in another way', {
    timeout,
  }, async () => {
    const events: Document[] = [
      start,
      { contentBlockDelta: { contentBlockIndex: 0, delta: { reasoningContent: { text: 'Hm.' } } } },
      { contentBlockDelta: { contentBlockIndex: 0, delta: { reasoningContent: { signature: 's' } } } },
      {
        contentBlockDelta: {
          contentBlockIndex: 1,
          delta: { reasoningContent: { redactedContent: new Uint8Array(2) } },
        },
      },
      text('Looking.', 2),
      {
        contentBlockDelta: {
          contentBlockIndex: 2,
          delta: { citation: { title: 't', location: { web: { url: 'u' } } } },
        },
      },
      use('c', 'look', 3),
      input('{}', 3),
      stop(3),
      { metadata: { usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 }, metrics: { latencyMs: 1 } } },
      end('tool_use'),
    ];
    const values: [string, unknown][] = [
      ['null', null],
      ['a number', 7],
      ['below zero', -1],
      ['2^53', 2 ** 53],
      ['2^32', 2 ** 32],
      ['a fraction', 0.5],
      ['a string', 'junk'],
      ['an array', [[]]],
      ['an object', { text: {} }],
      ['a boolean', true],
    ];
    for (const place of placesIn(events)) {
      for (const [what, value] of values) {
        const spoiled = replaced({ events }, ['events', ...place], value).events as unknown[];
        const { outcome } = await episode({
          store: await storeWith({ '': olderTask() }),
          host: { model: model(() => play(spoiled), 1), tools: { look } },
          options,
        });
        expect(outcome?.status, `${nameOf(place)} being ${what}`).toBe('completed');
      }
    }
  });

  test('of text that is huge, and huge numbers of empty ones, are taken in', async () => {
    const empty = Array.from({ length: 50_000 }, () => text(''));
    const [once] = await survive(() => play([start, ...empty, text('Done.'), ...empty, end()]));
    expect(once.of('task:message')).toHaveLength(2);
    const large = await survive(() => play([start, text('ä'.repeat(2_500_000)), end()]));
    expect(large[0].outcome?.status).toBe('completed');
    const blocks = Array.from({ length: 5_000 }, (_, i) => text(`${i} `, i));
    const many = await survive(() => play([start, ...blocks, end()]));
    expect(many[0].outcome?.status).toBe('completed');
  }, 60_000);

  test('that a stream changes after handing them over are taken as they were', async () => {
    const event = { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'Done.' } } };
    const [once] = await survive(async function* () {
      yield start;
      yield event;
      event.contentBlockDelta.delta.text = 'spoiled';
      yield end();
    } as Stream);
    expect(JSON.stringify([...once.after.values()])).toContain('Done.');
  });
});

test('a model that changes the request changes only its own', async () => {
  const seen: string[] = [];
  const honest = scriptedModel([{ tools: [{ name: 'look', input: {} }] }, 'Done.', 'Done.']);
  const spoiling: ModelClient = {
    stream: (request, given) => {
      const stream = honest.stream(request, given);
      seen.push(JSON.stringify(request.messages?.[0]));
      request.messages?.splice(0, 99);
      Object.assign(request, { system: 'spoiled', toolConfig: null });
      return stream;
    },
  };
  const { outcome } = await episode({
    store: await storeWith({ '': olderTask() }),
    host: { model: spoiling, tools: { look } },
  });
  expect(outcome?.status).toBe('completed');
  expect(new Set(seen).size).toBe(1);
  expect(JSON.stringify(honest.requests)).not.toContain('spoiled');
});

test('a model that is none is refused by name, before anything happens', async () => {
  for (const [name, value] of junk) {
    const given = value();
    if (given === undefined || given === null) continue;
    const run = await episode({
      store: await storeWith({ '': olderTask() }),
      host: { model: given as never },
      options,
    });
    expect(run.error?.code, name).toBe('INVALID_ARGUMENT');
    expect(run.error?.message, name).toMatch(/^The host's model /);
    expect(run.events, name).toEqual([]);
    expect(run.after, name).toEqual(run.before);
  }
});
