/**
 * The platform beneath what test runners put in its place. Fake timers stand still until a test moves them, fake
 * microtasks never come where nobody runs them, and jsdom lacks half of it: the engine would hang, or be of no use to
 * the tests after. So Node's come from its modules, which no environment of a test runner replaces, and elsewhere what is
 * there when this is loaded, real where a fake says what it stands for.
 */

import { builtin } from './builtin.js';

/** As deep as fakes may lie on each other. */
const mostFakes = 8;

/** What a fake replaced: @sinonjs/fake-timers, which Jest and Vitest carry, keeps that on the clock of the fake. */
export function beneath<T>(name: string, found: T): T {
  let value: any = found;
  for (let depth = 0; depth < mostFakes; depth += 1) {
    const original: unknown = value?.clock?.[`_${name}`];
    if (typeof original !== typeof value) break;
    value = original;
  }
  return value;
}

/** How many timers wait for a test to move its clock. */
export function fakeTimers(): number {
  const { clock } = globalThis.setTimeout as { clock?: { countTimers?(): unknown } };
  const count = clock?.countTimers?.();
  return typeof count === 'number' ? count : 0;
}

type Timer = ReturnType<typeof globalThis.setTimeout>;
type Timers = Pick<
  typeof globalThis,
  'setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval' | 'setImmediate'
>;
type Name = keyof Timers;

/** What Node's own have, and what `node:test` puts in their place has not. */
const ofNode = Symbol.for('nodejs.util.promisify.custom');
let kept: Timers | undefined;

/** Looked for until they are real, and kept then. */
function timers(): Timers {
  if (kept !== undefined) return kept;
  const module = builtin('node:timers');
  const find = <N extends Name>(name: N) => beneath(name, module[name] ?? globalThis[name]) as Timers[N];
  const found: Timers = {
    setTimeout: find('setTimeout'),
    clearTimeout: find('clearTimeout'),
    setInterval: find('setInterval'),
    clearInterval: find('clearInterval'),
    setImmediate: find('setImmediate'),
  };
  if (module.setTimeout === undefined || ofNode in found.setTimeout) kept = found;
  return found;
}
timers();

// Called as bare functions: browsers refuse them as methods of anything but the window.
export function setTimeout(fn: () => void, ms: number): Timer {
  const { setTimeout: set } = timers();
  return set(fn, ms);
}
export function clearTimeout(timer: Timer | undefined): void {
  const { clearTimeout: clear } = timers();
  clear(timer);
}
export function setInterval(fn: () => void, ms: number): Timer {
  const { setInterval: set } = timers();
  return set(fn, ms);
}
export function clearInterval(timer: Timer | undefined): void {
  const { clearInterval: clear } = timers();
  clear(timer);
}
const immediate = typeof timers().setImmediate === 'function';
/** Whether there is one that will call back: edge layers have stubs that throw. */
export function setImmediate(fn: () => void): boolean {
  if (!immediate) return false;
  const { setImmediate: set } = timers();
  try {
    set(fn);
    return true;
  } catch {
    return false;
  }
}

const performance = beneath('performance', builtin('node:perf_hooks').performance ?? globalThis.performance);
// Fakes of it are its own properties, on top of what its class has.
const monotonic: () => number = Object.getPrototypeOf(performance)?.now ?? performance.now;

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
