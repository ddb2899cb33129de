import { vi } from 'vitest';

const everything = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'requestAnimationFrame',
  'cancelAnimationFrame',
  'requestIdleCallback',
  'cancelIdleCallback',
  'queueMicrotask',
  'nextTick',
  'hrtime',
  'performance',
  'Date',
] as const;

/** Everything that the runner can fake, and nobody moves the clock. */
export function fakeEverything(): void {
  vi.useFakeTimers({ toFake: [...everything] });
}
