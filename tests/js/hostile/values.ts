/** Values that nobody expects. */

export function trapping(): object {
  const fail = () => {
    throw new Error('trap');
  };
  return new Proxy(
    {},
    {
      get: fail,
      has: fail,
      ownKeys: fail,
      getPrototypeOf: fail,
      getOwnPropertyDescriptor: fail,
      set: fail,
    },
  );
}

export function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

export function cyclic(): object {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

/** An object that says it is a promise, and throws when asked. */
export function throwingThenable(): object {
  return Object.defineProperty({}, 'then', {
    get() {
      throw new Error('then');
    },
  });
}

/** Settles more than once, and throws at last. */
export function restless(value: unknown): object {
  const then = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
    resolve(value);
    resolve(undefined);
    reject(new Error('after all'));
    throw new Error('and again');
  };
  return { then };
}

export const never = new Promise<never>(() => {});

/** Anything that can be returned where something else was asked for. */
export const junk: [string, () => unknown][] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['a number', () => 7],
  ['NaN', () => Number.NaN],
  ['a BigInt', () => 7n],
  ['a string', () => 'junk'],
  ['a lone surrogate', () => '\ud800'],
  ['a symbol', () => Symbol('junk')],
  ['a boolean', () => true],
  ['a function', () => () => {}],
  ['an empty object', () => ({})],
  ['an empty array', () => []],
  ['an array of junk', () => [null, 7, 'junk', {}, []]],
  ['a cycle', cyclic],
  ['a proxy whose traps throw', trapping],
  ['a revoked proxy', revoked],
  ['a thenable that throws', throwingThenable],
  ['a thenable that settles twice', () => restless('junk')],
  ['an object without a prototype', () => Object.create(null)],
  ['a class', () => class {}],
  ['a date', () => new Date(Number.NaN)],
  ['bytes', () => new Uint8Array(3)],
  ['a map', () => new Map([[{}, 1]])],
];

/** Anything that can be thrown. */
export const throwable: [string, unknown][] = [
  ['an error', new Error('thrown')],
  ['undefined', undefined],
  ['null', null],
  ['a string', 'thrown'],
  ['a number', 7],
  ['a BigInt', 7n],
  ['a symbol', Symbol('thrown')],
  ['a frozen error', Object.freeze(new Error('frozen'))],
  ['a proxy whose traps throw', trapping()],
  ['a revoked proxy', revoked()],
  ['a cycle', cyclic()],
  ['an unknown code', { code: 'junk', message: 7 }],
  ['a code that is no string', { code: {}, message: {} }],
  ['a message of 5 MB', new Error('x'.repeat(5_000_000))],
];
