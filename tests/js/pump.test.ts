import { expect, test, vi } from 'vitest';
import { pump, type StreamSink } from '../../js/pump.js';

const text = (delta: string, index = 0) => ({
  contentBlockDelta: { contentBlockIndex: index, delta: { text: delta } },
});

function sink(wanted = () => true, heard = () => {}) {
  const log: unknown[] = [];
  const made: StreamSink = {
    textDelta: (index, delta) => {
      // Of an empty one the engine hears only that the model is alive.
      if (delta === '') heard();
      else log.push([index, delta]);
      return wanted();
    },
    event: (json) => {
      log.push(JSON.parse(json));
      return wanted();
    },
    end: (failed) => {
      log.push(failed === undefined ? 'end' : `failed: ${failed.thrown}`);
    },
  };
  return { made, log };
}

async function* stream(...events: unknown[]) {
  yield* events;
}

test('text goes by the fast path, everything else as JSON with its bytes', async () => {
  const { made, log } = sink();
  const redacted = {
    contentBlockDelta: { delta: { reasoningContent: { redactedContent: new Uint8Array([1, 2]) } } },
  };
  await pump(
    () => stream(text('a'), redacted, { messageStop: { stopReason: 'end_turn' } }),
    new AbortController(),
    made,
  );
  expect(log).toEqual([
    [0, 'a'],
    { contentBlockDelta: { delta: { reasoningContent: { redactedContent: { $bytes: 'AQI=' } } } } },
    { messageStop: { stopReason: 'end_turn' } },
    'end',
  ]);
});

const reasoning = (delta: string, index = 0) => ({
  contentBlockDelta: { contentBlockIndex: index, delta: { reasoningContent: { text: delta } } },
});
const input = (delta: string, index = 0) => ({
  contentBlockDelta: { contentBlockIndex: index, delta: { toolUse: { input: delta } } },
});
const stopped = (index: number) => ({ contentBlockStop: { contentBlockIndex: index } });

test('halves of a character wait for each other, within a block', async () => {
  const { made, log } = sink();
  const events = [text('\ud83d'), text('\ude00'), text('x\ud83d'), text('y', 1), text(''), text('\ude00')];
  await pump(() => stream(...events, text('\ud83d')), new AbortController(), made);
  expect(log).toEqual([[0, '\u{1f600}'], [0, 'x'], [1, 'y'], [0, '\u{1f600}'], [0, '\ufffd'], 'end']);
});

test('deltas of nothing, whatever of, are heard without a text', async () => {
  const heard = vi.fn();
  const { made, log } = sink(undefined, heard);
  await pump(() => stream(text(''), reasoning(''), input(''), text('\ud83d')), new AbortController(), made);
  expect(heard).toHaveBeenCalledTimes(4);
  expect(log).toEqual([[0, '\ufffd'], 'end']);
});

test.each([
  ['reasoning', reasoning],
  ['tool input', input],
])('halves of a character in %s are joined, whatever other blocks say in between', async (_, delta) => {
  const { made, log } = sink();
  const events = [delta('a\ud83d'), delta('b\ud83d', 7), delta('\ude00'), delta('\ude01c', 7)];
  await pump(() => stream(...events), new AbortController(), made);
  expect(log).toEqual([delta('a'), delta('b', 7), delta('\u{1f600}'), delta('\u{1f601}c', 7), 'end']);
});

test('what comes in one delta with a piece of reasoning is kept', async () => {
  const { made, log } = sink();
  const both = { contentBlockDelta: { delta: { reasoningContent: { text: 'a\ud83d', signature: 's' } } } };
  await pump(() => stream(both), new AbortController(), made);
  const signature = { contentBlockIndex: 0, delta: { reasoningContent: { signature: 's' } } };
  expect(log).toEqual([reasoning('a'), reasoning('\ufffd'), { contentBlockDelta: signature }, 'end']);
});

test('halves of a character in one block are joined by what they are, whatever else it says in between', async () => {
  const { made, log } = sink();
  const events = [
    text('a\ud83d'),
    reasoning('b\ud83d'),
    input('c\ud83d'),
    text('\ude00'),
    reasoning('\ude01'),
  ];
  await pump(() => stream(...events, input('\ude02')), new AbortController(), made);
  expect(log).toEqual([
    [0, 'a'],
    reasoning('b'),
    input('c'),
    [0, '\ud83d\ude00'],
    reasoning('\ud83d\ude01'),
    input('\ud83d\ude02'),
    'end',
  ]);
});

test('a half that stays alone is passed on before its block ends or is signed', async () => {
  const signature = {
    contentBlockDelta: { contentBlockIndex: 0, delta: { reasoningContent: { signature: 's' } } },
  };
  const { made, log } = sink();
  const events = [
    reasoning('\ud83d'),
    signature,
    input('\ud83d', 1),
    stopped(1),
    text('\ud83d', 2),
    reasoning('r', 2),
  ];
  const end = { messageStop: { stopReason: 'end_turn' } };
  await pump(() => stream(...events, text('\ud83d', 3), end), new AbortController(), made);
  expect(log).toEqual([
    reasoning('\ufffd'),
    signature,
    input('\ufffd', 1),
    stopped(1),
    reasoning('r', 2),
    [2, '\ufffd'],
    [3, '\ufffd'],
    end,
    'end',
  ]);
});

test('the next event is read only after the one before is handled', async () => {
  const order: string[] = [];
  async function* events() {
    order.push('read 1');
    yield text('1');
    order.push('read 2');
    yield text('2');
  }
  const made = { ...sink().made, textDelta: (_: number, delta: string) => order.push(`take ${delta}`) > 0 };
  await pump(events, new AbortController(), made);
  expect(order).toEqual(['read 1', 'take 1', 'read 2', 'take 2']);
});

test('what is no longer wanted is aborted and returned, without waiting for it', async () => {
  const { made, log } = sink(() => false);
  const controller = new AbortController();
  const returned = vi.fn(() => new Promise<never>(() => {}));
  const events = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false, value: text('a') }),
      return: returned,
    }),
  };
  await pump(() => events, controller, made);
  expect(log).toEqual([[0, 'a'], 'end']);
  expect(controller.signal.aborted).toBe(true);
  expect(returned).toHaveBeenCalledOnce();
});

test('an abort from outside returns the iterator at once and says nothing more', async () => {
  const { made, log } = sink();
  const controller = new AbortController();
  const returned = vi.fn();
  let settle!: (step: unknown) => void;
  const next = () =>
    new Promise<never>((resolve) => {
      settle = resolve as never;
    });
  const pumping = pump(
    () => ({ [Symbol.asyncIterator]: () => ({ next, return: returned }) }),
    controller,
    made,
  );
  await new Promise((resolve) => setTimeout(resolve, 1));
  controller.abort();
  expect(returned).toHaveBeenCalledOnce();
  settle({ done: false, value: text('late') });
  await pumping;
  expect(log).toEqual([]);
});

test.each<[string, () => unknown, string]>([
  [
    'opening throws',
    () => {
      throw new RangeError('no');
    },
    'failed: RangeError: no',
  ],
  ['opening rejects with nothing', () => Promise.reject(undefined), 'failed: undefined'],
  [
    'there is no stream',
    () => 5,
    'failed: TypeError: model.stream() must return an async iterable of ConverseStream events',
  ],
  [
    'an event has no JSON form',
    () => stream({ x: 1n }),
    "failed: TypeError: An event of the model's stream has no JSON form: a BigInt has no JSON form: make it a string at x",
  ],
  ['an event is null', () => stream(null), 'failed: TypeError: '],
])('it is a failure where %s', async (_, open, expected) => {
  const { made, log } = sink();
  const controller = new AbortController();
  await pump(open, controller, made);
  expect(log).toHaveLength(1);
  expect(String(log[0])).toContain(expected);
  expect(controller.signal.aborted).toBe(true);
});

test('a stream may be any iterable', async () => {
  const { made, log } = sink();
  await pump(async () => [text('a')], new AbortController(), made);
  expect(log).toEqual([[0, 'a'], 'end']);
});
