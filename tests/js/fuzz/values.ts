import vm from 'node:vm';
import fc from 'fast-check';

/** Makes a value, a fresh one each time: what is hostile enough cannot even be generated. */
export type Make = () => unknown;

function named(name: string, make: Make): Make {
  return Object.assign(() => make(), { [fc.toStringMethod]: () => name });
}

const nameOf = (make: Make): string =>
  (make as { [fc.toStringMethod]?: () => string })[fc.toStringMethod]?.() ?? '';

const boom = () => {
  throw new Error('boom');
};

function withThen(object: object, then: unknown): object {
  return Object.defineProperty(object, 'then', { value: then });
}

/** Somebody has heard how it ends: in the midst of other data nobody awaits it, and some let nobody subscribe. */
function heard(promise: Promise<unknown>): Promise<unknown> {
  promise.catch(() => {});
  return promise;
}

function cyclic(): unknown {
  const value: Record<string, unknown> = { a: 1 };
  value.self = [value];
  return value;
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { a: value };
  return value;
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function* failing(): Generator<number> {
  yield 1;
  boom();
}

const traps = [
  'get',
  'has',
  'ownKeys',
  'getPrototypeOf',
  'getOwnPropertyDescriptor',
  'set',
  'defineProperty',
  'deleteProperty',
];
const getters = [
  'constructor',
  'then',
  'toString',
  'toJSON',
  'length',
  'message',
  'code',
  'name',
  'version',
  'path',
  'aborted',
];
const foreign = [
  '({ a: [1, { b: null }] })',
  '[1, 2]',
  'new Error("of another realm")',
  'Promise.resolve(1)',
  'new Uint8Array([1, 2])',
  'new ArrayBuffer(2)',
  'new Date(0)',
  'new Map([["a", 1]])',
  '(() => 1)',
  'Object.create(null)',
];
const plain = [
  ...[undefined, null, true, Number.NaN, Infinity, -Infinity, -0, 0, 2 ** 53, -1, 1e300, 7n],
  ...[
    '',
    ' ',
    'x',
    '\ud800',
    'a\udc00b',
    '\u0000',
    '__proto__',
    '\uFEFF',
    'constructor',
    '{"a":',
    'unavailable',
  ],
];
const strange: Record<string, Make> = {
  symbol: () => Symbol('s'),
  'function that throws': () => boom,
  'async function that throws': () => async () => boom(),
  class: () => class Some {},
  'huge text': () => 'x'.repeat(300_000),
  cycle: cyclic,
  'nested 90 deep': () => nested(90),
  'nested 130 deep': () => nested(130),
  'nested 20,000 deep': () => nested(20_000),
  'revoked proxy': revoked,
  'proxy without any trap that works': () =>
    new Proxy({}, Object.fromEntries(traps.map((trap) => [trap, boom]))),
  'null prototype': () => Object.assign(Object.create(null), { a: 1 }),
  'invalid date': () => new Date(Number.NaN),
  'Map with objects as keys': () => new Map([[{}, 1]]),
  Set: () => new Set([1]),
  RegExp: () => /x/g,
  URL: () => new URL('http://x'),
  bytes: () => new Uint8Array([1, 2]),
  floats: () => new Float64Array([Number.NaN]),
  ArrayBuffer: () => new ArrayBuffer(1),
  generator: failing,
  'error with a cause that is a cycle': () =>
    Object.assign(new Error('\ud800'), { code: {}, cause: cyclic() }),
  'toJSON that throws': () => ({ toJSON: boom }),
  'toJSON that gives NaN': () => ({ toJSON: () => Number.NaN }),
  'toString and valueOf that throw': () => ({ valueOf: boom, toString: boom }),
  'no base64': () => ({ $bytes: 'not base64!' }),
  'array of holes': () => new Array(3),
  'aborted signal': () => AbortSignal.abort(),
  'signal that throws': () => ({ aborted: false, addEventListener: boom, removeEventListener: boom }),
  ...Object.fromEntries(
    plain.map((value) => [typeof value === 'string' ? JSON.stringify(value) : String(value), () => value]),
  ),
  ...Object.fromEntries(
    traps.map((trap) => [`proxy whose ${trap} throws`, () => new Proxy({}, { [trap]: boom })]),
  ),
  ...Object.fromEntries(
    getters.map((name) => [
      `${name} that throws`,
      () => Object.defineProperty({}, name, { enumerable: true, get: boom }),
    ]),
  ),
  ...Object.fromEntries(
    foreign.map((source) => [`of another realm: ${source}`, () => vm.runInNewContext(source)]),
  ),
  ...Object.fromEntries(
    ['ArrayBuffer', 'Date', 'Map', 'Promise', 'Error'].map((tag) => [
      `says it is ${tag}`,
      () => ({ [Symbol.toStringTag]: tag }),
    ]),
  ),
};

const stranger: fc.Arbitrary<Make> = fc
  .constantFrom(...Object.entries(strange))
  .map(([name, make]) => named(name, make));

type Settle = (value?: unknown) => void;

/** Promises and what says that it is one, most of which break the rules. */
const promising: Record<string, (value: unknown) => unknown> = {
  'promise of': (value) => heard(Promise.resolve(value)),
  'rejection of': (value) => heard(Promise.reject(value)),
  'thenable of': (value) => withThen({}, (resolve: Settle) => resolve(value)),
  'thenable that settles three times and throws, of': (value) =>
    withThen({}, (resolve: Settle, reject: Settle) => {
      resolve(value);
      reject(new Error('after all'));
      resolve(undefined);
      boom();
    }),
  'thenable that rejects late, then resolves, with': (value) =>
    withThen({}, (resolve: Settle, reject: Settle) => {
      setTimeout(() => {
        reject(value);
        resolve(value);
      }, 1);
    }),
  'thenable whose then throws, not': () => withThen({}, boom),
  'thenable that never settles with': () => withThen({}, () => {}),
  'thenable of itself, 50 times, not': () => {
    let looks = 0;
    const itself = {};
    // Endless it would be an app's own endless loop: so it counts its looks.
    const get = () => (looks++ < 50 ? (resolve: Settle) => resolve(itself) : undefined);
    return Object.defineProperty(itself, 'then', { get });
  },
  'promise whose then throws, of': (value) => withThen(heard(Promise.resolve(value)), boom),
  'promise whose then settles twice, with': (value) =>
    withThen(heard(Promise.resolve(value)), (resolve: Settle, reject: Settle) => {
      resolve(value);
      reject(new Error('late'));
    }),
  'promise whose constructor throws, of': (value) =>
    Object.defineProperty(heard(Promise.resolve(value)), 'constructor', { get: boom }),
  'promise without a constructor, of': (value) =>
    Object.defineProperty(heard(Promise.resolve(value)), 'constructor', { value: undefined }),
};

export const thenable: fc.Arbitrary<Make> = fc
  .tuple(fc.constantFrom(...Object.entries(promising)), stranger)
  .map(([[name, promise], make]) => named(`${name} ${nameOf(make)}`, () => promise(make())));

/** Anything that JavaScript has, in anything. */
export const anything: fc.Arbitrary<Make> = fc.oneof(
  { weight: 5, arbitrary: stranger },
  { weight: 2, arbitrary: thenable },
  {
    weight: 1,
    arbitrary: fc
      .anything({ maxDepth: 3, withBigInt: true })
      .map((value) => named(fc.stringify(value), () => value)),
  },
  {
    weight: 2,
    arbitrary: fc
      .array(stranger, { maxLength: 3 })
      .map((makes) => named(`[${makes.map(nameOf)}]`, () => makes.map((make) => make()))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom('a', 'code', 'path', 'version', 'data', 'value', 'done', 'text', '__proto__'),
        stranger,
      )
      .map(([key, make]) => named(`{${key}: ${nameOf(make)}}`, () => Object.fromEntries([[key, make()]]))),
  },
);

/** Makes of a valid value one with something else in one place. */
export type Spoil = (valid: unknown) => unknown;

export const spoil: fc.Arbitrary<Spoil> = fc
  .tuple(anything, fc.nat(), fc.constantFrom('replaces', 'drops', 'doubles'))
  .map(([make, place, how]) => {
    const change = (valid: unknown): unknown => {
      const root: { valid: unknown } = { valid: structuredClone(valid) };
      const places: [Record<string, unknown>, string][] = [];
      const walk = (parent: object, key: string) => {
        places.push([parent as Record<string, unknown>, key]);
        const inner: unknown = Reflect.get(parent, key);
        if (typeof inner === 'object' && inner !== null)
          for (const name of Object.keys(inner)) walk(inner, name);
      };
      walk(root, 'valid');
      const [parent, key] = places[place % places.length] as [Record<string, unknown>, string];
      if (how === 'drops') delete parent[key];
      else if (how === 'doubles' && Array.isArray(parent)) parent.push(parent[Number(key)]);
      else parent[key] = make();
      return root.valid;
    };
    return Object.assign(change, { [fc.toStringMethod]: () => `${how} place ${place} by ${nameOf(make)}` });
  });

/** What a call does: it returns, throws or rejects. */
export const does: fc.Arbitrary<Make> = fc.oneof(
  anything.map((make) => named(`returns ${nameOf(make)}`, make)),
  anything.map((make) =>
    named(`throws ${nameOf(make)}`, () => {
      throw make();
    }),
  ),
  stranger.map((make) =>
    named(`rejects with ${nameOf(make)}`, async () => {
      throw make();
    }),
  ),
  thenable,
);
