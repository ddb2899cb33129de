import { breathe } from '../clock.js';
import type { AbortSignalLike } from '../types.js';

/**
 * What a generator returns, or else yielded last; any other value is handed back. At an abort the generator is returned,
 * so that its `finally` runs.
 *
 * @throws whatever the generator throws
 */
export async function lastOf(value: unknown, signal: AbortSignalLike): Promise<unknown> {
  const generator = generatorOf(value);
  if (generator === undefined) return value;
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

/** By tag and not by class, so that those of other realms are recognised. */
function generatorOf(value: unknown): AsyncIterator<unknown> | Iterator<unknown> | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  const isGenerator = tag === 'Generator' || tag === 'AsyncGenerator';
  return isGenerator ? (value as AsyncIterator<unknown>) : undefined;
}
