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

  /** Settles after so many milliseconds or at `wake()`. `watch` is told how to end it too, and returns its own end. */
  wait(host: TaskHost, ms: number, watch?: (changed: () => void) => (() => void) | undefined): Promise<void> {
    return new Promise((resolve) => {
      let unwatch: (() => void) | undefined;
      let cancel: () => void = () => {};
      const done = () => {
        this.#wake = () => {};
        unwatch?.();
        cancel();
        resolve();
      };
      this.#wake = done;
      unwatch = watch?.(done);
      const note = (message: string) => logTo(host.logger, 'error', message);
      cancel = host.clock === undefined ? this.#after(ms, done) : safeAfter(host.clock, ms, done, note);
    });
  }

  wake(): void {
    this.#wake();
  }
}
