/** Runs of a task that a sweep begins where nothing has been stored since the one before. */
const mostRuns = 3;
/** Tasks that are remembered. */
const mostTasks = 10_000;

/** Remembers, in this process, which tasks were run again and again and got nowhere: a run that only yields leaves no trace. */
export class Standstill {
  readonly #runs = new Map<string, { seq: number; count: number }>();

  /** Whether another run may lead anywhere. `seq`: the last journal entry. */
  allows(key: string, seq: number): boolean {
    const before = this.#runs.get(key);
    return before === undefined || before.seq !== seq || before.count < mostRuns;
  }

  /** A run begins. */
  begins(key: string, seq: number): void {
    const before = this.#runs.get(key);
    this.#runs.delete(key);
    this.#runs.set(key, { seq, count: before?.seq === seq ? before.count + 1 : 1 });
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > mostTasks && oldest !== undefined) this.#runs.delete(oldest);
  }
}
