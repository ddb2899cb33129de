import { wellFormed } from '../values.js';

/** At most ten a second. */
const shortestMs = 100;
const longestText = 10_000;

/** What a tool reports while it runs, thinned out: of what comes too fast the last is told, a little later. */
export class ProgressReports {
  #last = Number.NEGATIVE_INFINITY;
  #waiting: string | number | undefined;
  #cancel: (() => void) | undefined;
  #over = false;

  /** `now` is in milliseconds; `after` calls back once, and returns what cancels it. */
  constructor(
    readonly now: () => number,
    readonly after: (ms: number, fn: () => void) => () => void,
    readonly tell: (progress: string | number) => void,
    readonly note: (message: string) => void,
  ) {}

  report(progress: unknown): void {
    if (this.#over) return;
    if (typeof progress === 'number' ? !Number.isFinite(progress) : typeof progress !== 'string') {
      this.note(
        `report() takes a text or a number, not ${typeof progress === 'number' ? progress : `a value of type ${typeof progress}`}`,
      );
      return;
    }
    this.#waiting =
      typeof progress === 'string' ? wellFormed(progress.slice(0, longestText)) : (progress as number);
    const left = this.#last + shortestMs - this.now();
    if (left <= 0) this.#flush();
    else this.#cancel ??= this.after(left, () => this.#flush());
  }

  /** The tool has settled: what waits is told now, and nothing after it. */
  end(): void {
    this.#flush();
    this.#over = true;
  }

  #flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const progress = this.#waiting;
    if (progress === undefined) return;
    this.#waiting = undefined;
    this.#last = this.now();
    this.tell(progress);
  }
}
