import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { describeThrown, toJson } from '../../js/values.js';

const thrower = (what: () => unknown) =>
  new Proxy({}, { get: what, ownKeys: what as () => never, getPrototypeOf: what as () => never });

describe('making JSON of a value', () => {
  it.each([
    ['text', '"text"'],
    [null, 'null'],
    [-0, '0'],
    [{ a: undefined, b: [undefined] }, '{"b":[null]}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [new Map([['k', new Set([1])]]), '{"k":[1]}'],
    [
      new (class Point {
        x = 1;
        get y() {
          return 2;
        }
      })(),
      '{"x":1}',
    ],
    [Object.assign(new TypeError('bad'), { code: 7 }), '{"name":"TypeError","message":"bad","code":7}'],
    [{ toJSON: () => ({ toJSON: () => 1 }) }, '1'],
    [Object(1), '1'],
    [/x/g, '"/x/g"'],
    [new Float32Array([1, 2]), '[1,2]'],
    [JSON.parse('{"__proto__":{"a":1}}'), '{"__proto__":{"a":1}}'],
    [runInNewContext('[new Date(0), new Map([["a", 1]])]'), '["1970-01-01T00:00:00.000Z",{"a":1}]'],
  ])('says what JSON can say: %#', (value, json) => {
    expect(toJson(value)).toEqual({ ok: true, json });
  });

  it('has nothing to say of undefined', () => {
    expect(toJson(undefined)).toEqual({ ok: true });
    expect(toJson({ toJSON: () => undefined })).toEqual({ ok: true });
  });

  it('replaces lone surrogates in text and names, and keeps pairs', () => {
    expect(toJson({ 'k\ud800': '😀\udc00' })).toEqual({ ok: true, json: '{"k\uFFFD":"😀\uFFFD"}' });
  });

  const cycle: Record<string, unknown> = { a: {} };
  (cycle.a as Record<string, unknown>).back = cycle;
  it.each([
    [Number.NaN, /^NaN has no JSON form$/],
    [{ a: [1, Number.NEGATIVE_INFINITY] }, /^-Infinity .* at a\[1\]$/],
    [cycle, /back to itself at a\.back$/],
    [{ 'odd name': 10n }, /BigInt .* at \["odd name"\]$/],
    [[() => 1], /function .* at \[0\]$/],
    [Symbol('s'), /symbol/],
    [new Date(Number.NaN), /invalid date/],
    [Promise.resolve(1), /promise that nobody awaited/],
    [new Map([[{}, 1]]), /Map with keys/],
    [new Uint8Array(3), /binary data/],
    [Buffer.from('x'), /binary data/],
    [
      {
        get a() {
          throw new Error('boom');
        },
      },
      /^reading it threw: boom at a$/,
    ],
    [
      {
        a: {
          toJSON() {
            throw new Error('boom');
          },
        },
      },
      /threw: boom at a$/,
    ],
    [
      thrower(() => {
        throw new Error('trap');
      }),
      /threw: trap/,
    ],
    [
      thrower(() => {
        throw undefined;
      }),
      /threw: undefined was thrown/,
    ],
  ])('refuses what JSON cannot say, and says where: %#', (value, reason) => {
    expect(toJson(value)).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });

  it('takes shared references that are no cycle', () => {
    const shared = { n: 1 };
    expect(toJson([shared, shared])).toEqual({ ok: true, json: '[{"n":1},{"n":1}]' });
  });

  it('goes 100 levels deep and no further, however deep the value is', () => {
    const nest = (levels: number) => {
      let value: unknown = 1;
      for (let i = 0; i < levels; i++) {
        value = i % 2 ? { a: value } : [value];
      }
      return value;
    };
    expect(toJson(nest(100)).ok).toBe(true);
    for (const levels of [101, 200_000]) {
      expect(toJson(nest(levels))).toEqual({
        ok: false,
        reason: expect.stringMatching(/more than 100 levels/),
      });
    }
  });

  it('stops before memory does', () => {
    let doubled: unknown = 'x';
    for (let i = 0; i < 90; i++) {
      doubled = [doubled, doubled];
    }
    const limit = { maxLength: 100_000 };
    for (const value of [doubled, new Array(4_000_000_000), 'x'.repeat(100_001)]) {
      expect(toJson(value, limit)).toEqual({
        ok: false,
        reason: expect.stringMatching(/longer than 100000/),
      });
    }
  });

  it('writes bytes as base64 where asked for', () => {
    const bytes = new Uint8Array(100_000).fill(255);
    expect(toJson({ b: bytes.subarray(0, 3) }, { bytes: true })).toEqual({
      ok: true,
      json: '{"b":{"$bytes":"////"}}',
    });
    const big = toJson(bytes, { bytes: true });
    expect(big).toEqual({ ok: true, json: `{"$bytes":"${Buffer.from(bytes).toString('base64')}"}` });
  });
});

describe('describing what was thrown', () => {
  it.each([
    [new RangeError('far'), { name: 'RangeError', message: 'far' }],
    ['words', { name: 'Error', message: 'words' }],
    ['', { name: 'Error', message: 'an empty string was thrown' }],
    [undefined, { name: 'Error', message: 'undefined was thrown' }],
    [null, { name: 'Error', message: 'null was thrown' }],
    [Symbol('s'), { name: 'Error', message: 'Symbol(s) was thrown' }],
    [{ name: 'Odd' }, { name: 'Odd', message: 'Odd' }],
    [{ a: 1 }, { name: 'Error', message: '{"a":1}' }],
    [
      { message: 5, status: '500' },
      { name: 'Error', message: '{"message":5,"status":"500"}' },
    ],
    [
      thrower(() => {
        throw new Error('trap');
      }),
      { name: 'Error', message: 'an object without a message was thrown' },
    ],
    [Proxy.revocable({}, {}).proxy, { name: 'Error' }],
    [Object.assign(new Error('gone'), { statusCode: 404 }), { status: 404, message: 'gone' }],
  ])('takes anything: %#', (thrown, expected) => {
    expect(describeThrown(thrown)).toMatchObject(expected);
  });

  it("reads the SDK's errors: name, status and when to try again", () => {
    const error = Object.assign(new Error('slow down'), {
      name: 'ThrottlingException',
      $metadata: { httpStatusCode: 429 },
      $response: { headers: { 'retry-after': '2' } },
    });
    expect(describeThrown(error)).toEqual({
      name: 'ThrottlingException',
      message: 'slow down',
      status: 429,
      retryAfterMs: 2_000,
    });
  });

  it('reads retry-after as a date, and out of Headers', () => {
    const inTenSeconds = new Date(Date.now() + 10_000).toUTCString();
    const described = describeThrown({ headers: new Headers({ 'Retry-After': inTenSeconds }) });
    expect(described.retryAfterMs).toBeGreaterThan(7_000);
    expect(described.retryAfterMs).toBeLessThanOrEqual(10_000);
    expect(describeThrown({ headers: { 'retry-after': 'soon' } }).retryAfterMs).toBeUndefined();
  });

  it.each<[string, object]>([
    ['the AI SDK', { responseHeaders: { 'retry-after': '3' } }],
    ['fetch', { response: { headers: new Headers({ 'retry-after': '3' }) } }],
    ['OpenAI and Anthropic', { headers: new Headers({ 'retry-after-ms': '3000', 'retry-after': '4' }) }],
    ['a proxy that writes names in capitals', { headers: { 'Retry-After': 3 } }],
  ])('reads when to try again as %s keeps it', (_, thrown) => {
    expect(describeThrown(thrown).retryAfterMs).toBe(3_000);
  });

  it('cuts messages that carry whole responses', () => {
    expect(describeThrown(new Error('x'.repeat(1_000_000))).message).toHaveLength(10_000);
  });

  it('never cuts a message to half a character', () => {
    const { message } = describeThrown(new Error(`${'x'.repeat(9_999)}\u{1f600}`));
    expect(message.at(-1)).toBe('\uFFFD');
  });
});
