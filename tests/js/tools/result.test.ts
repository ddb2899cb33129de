import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { content } from '../../../js/content.js';
import { createTestHost } from '../../../js/testing/index.js';
import { isGenerator, lastOf } from '../../../js/tools/generator.js';
import { ProgressReports } from '../../../js/tools/progress.js';
import { writtenResult } from '../../../js/tools/result.js';
import { explainThrown, utf8Length, wellFormed } from '../../../js/values.js';

const store = 1_000_000;
const written = (value: unknown, maxResultBytes?: number) => {
  const { json, ...rest } = writtenResult(value, { maxResultBytes }, store, 'The result');
  return { ...(json !== undefined && { value: JSON.parse(json) as unknown }), ...rest };
};

describe('a result', () => {
  it('stays as it is while it fits', () => {
    for (const value of ['x'.repeat(100_000), { a: [1, null] }, [1], 7, null]) {
      expect(written(value)).toEqual({ value });
    }
    expect(written(undefined)).toEqual({});
  });

  it.each([
    ['a', 1],
    ['é', 2],
    ['€', 3],
    ['😀', 4],
  ])('that is longer loses its middle, in whole characters, and says how much: %s', (character, size) => {
    const text = character.repeat(100_000);
    const { value, cutBytes } = written(text, 10_000) as { value: string; cutBytes: number };
    expect(utf8Length(value)).toBeLessThanOrEqual(10_000);
    expect(utf8Length(value)).toBeGreaterThan(9_900);
    expect(value.startsWith(character) && value.endsWith(character)).toBe(true);
    expect(wellFormed(value)).toBe(value);
    expect(value).toContain(`[… ${cutBytes} of ${100_000 * size} bytes are left out here …]`);
  });

  it('of JSON becomes text where it is cut', () => {
    const { value, cutBytes } = written({ list: Array.from({ length: 1_000 }, (_, i) => i) }, 500);
    expect(value).toMatch(/^\{"list":\[0,1,2[\s\S]*999\]\}$/);
    expect(cutBytes).toBeGreaterThan(3_000);
  });

  it('of content is never cut, and its bytes go along', () => {
    const bytes = new Uint8Array(300).fill(1);
    const shown = content({ text: 'x'.repeat(500) }, { image: { format: 'png', source: { bytes } } });
    const { value, cutBytes } = written(shown, 200);
    expect(cutBytes).toBeUndefined();
    expect(value).toMatchObject({ $content: [{ text: 'x'.repeat(500) }, { image: { format: 'png' } }] });
    expect(JSON.stringify(value)).toContain(`{"$bytes":"${btoa('\x01'.repeat(300))}"}`);
  });

  it('that only looks like content is told as text', () => {
    const lookalike = { $content: [{ image: { format: 'png' } }] };
    expect(written(lookalike)).toEqual({ value: JSON.stringify(lookalike) });
    expect(written({ ...lookalike, more: 1 })).toEqual({ value: { ...lookalike, more: 1 } });
  });

  it('that is an image block, or a list of blocks with one, counts as content', () => {
    const image = { image: { format: 'png', source: { bytes: new Uint8Array([1]) } } };
    const stored = { image: { format: 'png', source: { bytes: { $bytes: 'AQ==' } } } };
    expect(written(image)).toEqual({ value: { $content: [stored] } });
    expect(written([{ text: 'Here:' }, image])).toEqual({ value: { $content: [{ text: 'Here:' }, stored] } });
  });

  it.each([
    ['a generator', (function* () {})(), /Generator/],
    ['a stream', new ReadableStream(), /ReadableStream/],
    ['a response', new Response('x'), /Response/],
    ['a blob', new Blob(['x']), /Blob/],
    ['form data', new FormData(), /FormData/],
    ['headers', new Headers({ a: 'b' }), /Headers/],
    ['search parameters', new URLSearchParams('a=b'), /URLSearchParams/],
    ['a weak map', new WeakMap(), /WeakMap/],
    ['a stream of Node', Readable.from(['x']), /stream/],
    ['an iterator', [1][Symbol.iterator](), /Iterator/],
    [
      'an object that keeps all to itself',
      new (class Secret {
        #a = 1;
        a() {
          return this.#a;
        }
      })(),
      /Secret/,
    ],
    ['bytes', new Uint8Array([1]), /content\(…\)/],
  ])('that JSON would empty is refused by name: %s', (_, value, name) => {
    expect(() => written({ inside: value })).toThrow(name);
    expect(() => written(value)).toThrow(/^The result cannot be stored: /);
  });

  it('may be an empty plain object, or one without a prototype', () => {
    expect(written({})).toEqual({ value: {} });
    expect(written(Object.create(null))).toEqual({ value: {} });
  });
});

describe('a generator gives', () => {
  const signal = () => new AbortController().signal;

  it('what it returns, or else yielded last', async () => {
    async function* yields() {
      yield 1;
      yield 2;
    }
    function* returns() {
      yield 1;
      return 'all';
    }
    expect(await lastOf(yields(), signal())).toBe(2);
    expect(await lastOf(returns(), signal())).toBe('all');
    expect(await lastOf((function* () {})(), signal())).toBeUndefined();
    expect(isGenerator([1, 2]) || isGenerator(null)).toBe(false);
  });

  it('way at an abort, and cleans up', async () => {
    const controller = new AbortController();
    let cleaned = false;
    async function* endless() {
      try {
        for (let i = 0; ; i++) {
          if (i === 3) controller.abort();
          yield i;
        }
      } finally {
        cleaned = true;
      }
    }
    await expect(lastOf(endless(), controller.signal)).rejects.toThrow(/aborted/);
    expect(cleaned).toBe(true);
  });

  it('a clock that jumps over idle time its turn, where it goes on for ever', async () => {
    const t = createTestHost({
      turns: [{ tools: [{ name: 'count', input: {} }] }, 'Done.'],
      tools: {
        count: {
          description: 'Counts.',
          inputSchema: { type: 'object' },
          *execute() {
            for (let i = 0; ; i++) yield i;
          },
        },
      },
    });
    await t.executor().start();
    expect(t.events.find(({ type }) => type === 'task:tool_result')).toMatchObject({ unknown: true });
    t.done();
  }, 60_000);

  it('everybody else a turn', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    function* endless() {
      for (;;) yield 1;
    }
    await expect(lastOf(endless(), controller.signal)).rejects.toThrow(/aborted/);
  });
});

describe('what a tool reports of itself', () => {
  function reports() {
    const told: unknown[] = [];
    const notes: string[] = [];
    let now = 0;
    let timer: { at: number; fn: () => void } | undefined;
    const made = new ProgressReports(
      () => now,
      (ms, fn) => {
        timer = { at: now + ms, fn };
        return () => {
          timer = undefined;
        };
      },
      (progress) => told.push(progress),
      (note) => notes.push(note),
    );
    const pass = (ms: number) => {
      now += ms;
      if (timer !== undefined && timer.at <= now) timer.fn();
    };
    return { made, told, notes, pass };
  }

  it('is told at most ten times a second, the last of it always', () => {
    const { made, told, pass } = reports();
    for (let i = 0; i < 100; i++) {
      made.report(i);
      pass(10);
    }
    made.report('done');
    made.end();
    expect(told.length).toBeLessThanOrEqual(12);
    expect(told[0]).toBe(0);
    expect(told.at(-1)).toBe('done');
    made.report('too late');
    expect(told.at(-1)).toBe('done');
  });

  it('is text or a number, and anything else is noted', () => {
    const { made, told, notes } = reports();
    for (const wrong of [Number.NaN, null, {}, Symbol('x'), undefined]) made.report(wrong);
    expect([told, notes.length]).toEqual([[], 5]);
    made.report('\ud800');
    expect(told).toEqual(['\ufffd']);
  });
});

describe('an error is told', () => {
  it('with its causes and its parts', () => {
    const error = new Error('No connection', {
      cause: new AggregateError([new Error('refused'), 'timed out'], 'All failed', {
        cause: { message: 'DNS' },
      }),
    });
    expect(explainThrown(error)).toBe(
      'No connection\nCaused by: All failed\n- refused\n- timed out\nCaused by: DNS',
    );
  });

  it('whatever it says its parts are', () => {
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    const thrower = new Proxy([], {
      get() {
        throw new Error('no');
      },
    });
    for (const errors of [proxy, thrower, 'none', { 0: 'a' }])
      expect(explainThrown(Object.assign(new Error('top'), { errors }))).toBe('top');
  });

  it('with its causes where it is in a result', () => {
    const reason = new Error('top', { cause: new Error('root') });
    expect(written([{ status: 'rejected', reason }])).toEqual({
      value: [{ status: 'rejected', reason: { name: 'Error', message: 'top\nCaused by: root' } }],
    });
  });

  it('once, whatever its causes lead to', () => {
    const error = new Error('around') as Error & { cause: unknown };
    error.cause = error;
    expect(explainThrown(error)).toBe('around');
    let deep: unknown = new Error('first');
    for (let i = 0; i < 50; i++) deep = new Error(`e${i}`, { cause: deep });
    expect(explainThrown(deep).split('\n')).toHaveLength(10);
  });
});

describe('content() refuses what no model takes, naming the block', () => {
  it.each<[unknown[], RegExp]>([
    [[], /at least one block/],
    [[null], /block 1 must be an object/],
    [[{ text: 'a' }, { text: ' ' }], /text of block 2 is blank/],
    [[{ json: [1] }], /json of block 1 must be an object/],
    [[{ text: 'a', json: {} }], /exactly one member/],
    [[{ picture: {} }], /member 'picture'/],
    [
      [{ image: { format: 'tiff', source: { bytes: new Uint8Array([1]) } } }],
      /format of block 1 must be one of gif/,
    ],
    [[{ image: { format: 'png' } }], /block 1 needs a source/],
    [[{ image: { format: 'png', source: { bytes: 'AQI=' } } }], /bytes of block 1 must be a Uint8Array/],
    [[{ image: { format: 'png', source: { bytes: new Uint8Array() } } }], /not empty/],
    [[{ document: { format: 'pdf', name: 'a/b', source: { bytes: new Uint8Array([1]) } } }], /needs a name/],
  ])('%#', (blocks, reason) => {
    expect(() => content(...(blocks as never[]))).toThrow(reason);
  });

  it('and takes bytes of any view and realm, as its own copy', () => {
    const buffer = new Uint8Array([9, 1, 2, 9]).buffer;
    const view = new DataView(buffer, 1, 2);
    const made = content({ image: { format: 'png', source: { bytes: view as never } } });
    new Uint8Array(buffer).fill(0);
    expect(made.$content[0]?.image?.source?.bytes).toEqual(new Uint8Array([1, 2]));
  });
});
