import { breathe } from '../clock.js';
import type { AbortSignalLike } from '../types.js';

/**
 * What a generator returns, or else yielded last. At an abort the generator is returned,
 * so that its `finally` runs.
 *
 * @throws whatever the generator throws
 */
export async function lastOf(generator: AnyIterator, signal: AbortSignalLike): Promise<unknown> {
  let last: unknown;
  for (;;) {
    const { done, value: next } = await generator.next();
    if (done) return next === undefined ? last : next;
    last = next;
    if (signal.aborted) {
      await generator.return?.(undefined);
      throw new Error('The call was aborted.');
    }
    // One that never waits would let nothing else of the process have its turn.
    await breathe();
  }
}

type AnyIterator = AsyncIterator<unknown> | Iterator<unknown>;

/** By tag and not by class, so that those of other realms are recognised. */
export function isGenerator(value: unknown): value is AnyIterator {
  if (value === null || typeof value !== 'object') return false;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  return tag === 'Generator' || tag === 'AsyncGenerator';
}
