/**
 * The platform beneath what test runners put in its place. Fake timers stand still until a test moves them, fake
 * microtasks never come where nobody runs them, and jsdom lacks half of it: the engine would hang, or be of no use to
 * the tests after. So Node's come from its modules, which no environment of a test runner replaces, and elsewhere what is
 * there when this is loaded, real where a fake says what it stands for.
 */

interface NodeModules {
  'node:timers': typeof import('node:timers');
  'node:perf_hooks': typeof import('node:perf_hooks');
  'node:util': typeof import('node:util');
  'node:crypto': typeof import('node:crypto');
}

/** Asked for at run time, so that no bundler for browsers meets an import of Node's. */
function builtin<Id extends keyof NodeModules>(id: Id): Partial<NodeModules[Id]> {
  const { process } = globalThis as { process?: { getBuiltinModule?(id: string): unknown } };
  const found = typeof process?.getBuiltinModule === 'function' ? process.getBuiltinModule(id) : undefined;
  return (found ?? {}) as Partial<NodeModules[Id]>;
}

/** As deep as fakes may lie on each other. */
const mostFakes = 8;

/** @sinonjs/fake-timers, which Jest and Vitest carry, keeps what it replaced on the clock of the fake. */
function beneath<T>(name: string, found: T): T {
  let value: any = found;
  for (let depth = 0; depth < mostFakes; depth += 1) {
    const original: unknown = value?.clock?.[`_${name}`];
    if (typeof original !== typeof value) break;
    value = original;
  }
  return value;
}

type Timer = ReturnType<typeof globalThis.setTimeout>;

const timers = builtin('node:timers');
const faked = globalThis as Partial<typeof globalThis>;

function timerOf<Name extends 'setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval'>(name: Name) {
  return beneath(name, timers[name] ?? faked[name]) as (typeof globalThis)[Name];
}

// Bare functions: browsers refuse them as methods of anything but the window.
export const setTimeout: (fn: () => void, ms: number) => Timer = timerOf('setTimeout');
export const clearTimeout: (timer: Timer | undefined) => void = timerOf('clearTimeout');
export const setInterval: (fn: () => void, ms: number) => Timer = timerOf('setInterval');
export const clearInterval: (timer: Timer | undefined) => void = timerOf('clearInterval');
/** Where there is one. */
export const setImmediate: ((fn: () => void) => unknown) | undefined = beneath(
  'setImmediate',
  timers.setImmediate ?? faked.setImmediate,
);

const performance = beneath('performance', builtin('node:perf_hooks').performance ?? globalThis.performance);
const monotonic = performance.now;

/** Milliseconds on a clock that nobody sets. */
export function monotonicMs(): number {
  return monotonic.call(performance);
}

/**
 * Milliseconds since 1970. A test that fakes or freezes `Date` means what is written with it; where it has made `Date`
 * useless, the real one takes its place.
 */
export function wallMs(): number {
  const now: unknown = Date.now();
  return typeof now === 'number' && Number.isFinite(now) ? now : performance.timeOrigin + monotonicMs();
}

const settled = Promise.resolve();

/** Runs it once the work of this moment is done. It must not throw: nothing would hear of it. */
export function queueMicrotask(fn: () => void): void {
  void settled.then(fn);
}

// jsdom of Jest has neither.
export const TextEncoder: typeof globalThis.TextEncoder =
  (builtin('node:util').TextEncoder as typeof globalThis.TextEncoder | undefined) ?? globalThis.TextEncoder;
export const TextDecoder: typeof globalThis.TextDecoder =
  (builtin('node:util').TextDecoder as typeof globalThis.TextDecoder | undefined) ?? globalThis.TextDecoder;

/** Not before it is needed: workerd allows no random numbers while a module is loaded. */
export function platformCrypto(): Crypto {
  return (builtin('node:crypto').webcrypto as Crypto | undefined) ?? globalThis.crypto;
}

/** As `crypto.getRandomValues` does, whatever a test has put in the place of `crypto`. */
export function randomWords(count: number): number[] {
  return Array.from(platformCrypto().getRandomValues(new Uint32Array(count)));
}
