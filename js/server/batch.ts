import { setImmediate as soon } from '../platform.js';

/** Characters after which nothing more is waited for. */
const enough = 16_384;
const later = Symbol('later');

/** Settles once everything that is ready by now has had its turn; undefined where the platform cannot tell when. */
function turn(): Promise<typeof later> | undefined {
  let told = false;
  const turned = new Promise<typeof later>((resolve) => {
    told = soon(() => resolve(later));
  });
  return told ? turned : undefined;
}

/**
 * Joins frames that are there at the same time: a commit announces several facts, and each piece that is sent costs a call
 * of the system. Nothing waits for what is not there yet.
 */
export class Batches {
  /** At the end it says so as often as it is asked. */
  readonly #next: () => Promise<string | undefined>;
  /** Asked for, and not there when the last batch was taken. */
  #ahead: Promise<string | undefined> | undefined;

  constructor(next: () => Promise<string | undefined>) {
    this.#next = next;
  }

  /** The next frames as one text; undefined at the end. */
  async take(): Promise<string | undefined> {
    const first = await (this.#ahead ?? this.#next());
    this.#ahead = undefined;
    const turned = turn();
    if (first === undefined || turned === undefined) return first;
    let text = first;
    while (text.length < enough) {
      const ahead = this.#next();
      // Told to whoever takes the next batch.
      ahead.catch(() => {});
      this.#ahead = ahead;
      const frame = await Promise.race([ahead.catch(() => later), turned]);
      if (typeof frame === 'symbol') break;
      this.#ahead = undefined;
      if (frame === undefined) break;
      text += frame;
    }
    return text;
  }
}
