/** Slices at a time in this process; others wait in the order in which they came, but not for long. */
export class WorkerPlaces {
  #free: number;
  readonly #waitMs: number;
  readonly #queue: (() => void)[] = [];

  /** `waitMs`: after which another worker is to try, or this one again. */
  constructor(atOnce: number, waitMs: number) {
    this.#free = atOnce;
    this.#waitMs = waitMs;
  }

  /**
   * Does something with a place.
   *
   * @throws Error where there was none in time; the signal's reason where it was aborted meanwhile
   */
  async hold<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    try {
      return await action();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', given);
      };
      const granted = () => {
        over();
        resolve();
      };
      const leave = (reason: unknown) => {
        over();
        const at = this.#queue.indexOf(granted);
        if (at >= 0) this.#queue.splice(at, 1);
        reject(reason);
      };
      const given = () => leave(signal.reason);
      const late = () => leave(new Error(`This worker had no place for a slice within ${this.#waitMs} ms.`));
      const timer = setTimeout(late, this.#waitMs);
      this.#queue.push(granted);
      if (signal.aborted) given();
      else signal.addEventListener('abort', given, { once: true });
    });
  }
}
