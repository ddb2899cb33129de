import { idleTimer, safeAfter, systemClock } from '../clock.js';
import { logTo } from '../log.js';
import type { TaskHost } from '../types.js';

/** Waiting that can be ended early. Unless `keepsAlive` is set, Node may exit meanwhile. */
export class Rest {
  readonly #after: (ms: number, fn: () => void) => () => void;
  #wake: () => void = () => {};

  constructor({ keepsAlive }: { keepsAlive: boolean }) {
    this.#after = keepsAlive ? systemClock.after : idleTimer;
  }

  /** Settles after so many milliseconds or at `wake()`. */
  wait(host: TaskHost, ms: number): Promise<void> {
    return new Promise((resolve) => {
      let cancel: () => void = () => {};
      const done = () => {
        this.#wake = () => {};
        cancel();
        resolve();
      };
      this.#wake = done;
      const note = (message: string) => logTo(host.logger, 'error', message);
      cancel = host.clock === undefined ? this.#after(ms, done) : safeAfter(host.clock, ms, done, note);
    });
  }

  /** Settles at `wake()`, with true, or after so many milliseconds of the platform, whatever clock the host has. */
  woken(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (woken: boolean) => {
        this.#wake = () => {};
        cancel();
        resolve(woken);
      };
      const cancel = this.#after(ms, () => settle(false));
      this.#wake = () => settle(true);
    });
  }

  wake(): void {
    this.#wake();
  }
}
