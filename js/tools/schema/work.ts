import { breathe } from '../../clock.js';

/** Work in small steps: it yields whenever the rest of the process may have its turn. */
export type Work<T> = Generator<void, T, void>;

/** So many steps between two turns of the event loop: a few milliseconds, before the platform has optimised them too. */
const stepsAtOnce = 500;

/** So many steps are more than a sound schema takes for the largest input: a few seconds. */
const mostSteps = 30_000_000;

/** Thrown where a check takes too many steps; the message is for the model. */
export class TooMuchWork extends Error {}

/** Counts the steps of one check. */
export class Meter {
  #left = stepsAtOnce;
  #done = 0;

  /** Counts steps; true where it is time to yield. */
  count(steps: number): boolean {
    this.#left -= steps;
    return this.#left <= 0;
  }

  /** @throws TooMuchWork after too many steps */
  rested(): void {
    this.#done += stepsAtOnce - this.#left;
    this.#left = stepsAtOnce;
    if (this.#done > mostSteps) throw new TooMuchWork('It takes too long to check: make it shorter.');
  }
}

/** Does the work; everybody else has their turn in between. */
export async function perform<T>(work: Work<T>, meter: Meter): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await breathe();
    meter.rested();
  }
}
