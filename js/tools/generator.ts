import { breathe, macrotask } from '../clock.js';
import type { AbortSignalLike } from '../types.js';

/** One with more steps goes on for ever, as far as anybody can tell: a clock that jumps over idle time may do so. */
const mostBreaths = 10_000;

/**
 * What a generator returns, or else yielded last. At an abort the generator is returned,
 * so that its `finally` runs.
 *
 * @throws whatever the generator throws
 */
export async function lastOf(generator: AnyIterator, signal: AbortSignalLike): Promise<unknown> {
  let last: unknown;
  for (let steps = 0; ; steps++) {
    const { done, value: next } = await generator.next();
    if (done) return next === undefined ? last : next;
    last = next;
    if (signal.aborted) {
      await generator.return?.(undefined);
      throw new Error('The call was aborted.');
    }
    // One that never waits would let nothing else of the process have its turn.
    await (steps < mostBreaths ? breathe() : macrotask());
  }
}

/** A generator, synchronous or not. */
export type AnyIterator = AsyncIterator<unknown> | Iterator<unknown>;

/** By tag and not by class, so that those of other realms are recognised. */
export function isGenerator(value: unknown): value is AnyIterator {
  if (value === null || typeof value !== 'object') return false;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  return tag === 'Generator' || tag === 'AsyncGenerator';
}
