import { wallMs } from '../platform.js';
import { Refusal } from './problem.js';

/** Counts what users do within a window of time, on this instance. */
export class Rate {
  readonly #windowMs: number;
  readonly #times = new Map<string, number[]>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** @throws Refusal 429 where it was often enough */
  spend(userId: string, most: number): void {
    const now = wallMs();
    // Users who have gone leave nothing behind.
    for (const [user, times] of this.#times) {
      if ((times.at(-1) ?? 0) <= now - this.#windowMs) this.#times.delete(user);
    }
    const times = (this.#times.get(userId) ?? []).filter((time) => time > now - this.#windowMs);
    if (times.length >= most) {
      const waitMs = (times[times.length - most] ?? now) + this.#windowMs - now;
      throw new Refusal(429, 'TOO_MANY_REQUESTS', 'Too many tasks in a short time. Try again in a while.', {
        'retry-after': String(Math.max(1, Math.ceil(waitMs / 1_000))),
      });
    }
    times.push(now);
    this.#times.set(userId, times);
  }
}
