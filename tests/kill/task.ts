/** One task, two workers that want to run it, and somebody who kills them. */
import type { Campaign } from './campaign.js';
import {
  lateCommitMs,
  type Phase,
  peaceMs,
  runOptions,
  shareOfImpatient,
  shareOfSdk,
  storeCallMs,
  workersOfTask,
} from './numbers.js';
import type { Commit } from './proxy.js';
import { sleep } from './random.js';
import { type Fact, type Outcome, Worker, type WorkerEvents } from './worker.js';

export class HuntedTask {
  readonly facts: Fact[] = [];
  readonly troubles: string[] = [];
  readonly #campaign: Campaign;
  readonly #workers = new Set<Worker>();
  #wanted: Phase | undefined;
  #armedAt = 0;
  #killing = false;
  #completed = false;
  #spawned = 0;
  #over: () => void = () => {};

  /** `stubborn`: killed while it streams until the engine parks the task, which is resumed then. */
  constructor(
    readonly taskId: string,
    campaign: Campaign,
    private stubborn: boolean,
  ) {
    this.#campaign = campaign;
  }

  /** Until every worker has ended, each with the task completed. */
  async run(): Promise<void> {
    const over = new Promise<void>((resolve) => {
      this.#over = resolve;
    });
    this.#arm();
    for (let i = 0; i < workersOfTask; i++) this.#spawn();
    await over;
  }

  abandon(): Promise<unknown> {
    this.#completed = true;
    return Promise.all([...this.#workers].map((worker) => worker.kill()));
  }

  #changed(worker: Worker): void {
    const wanted = this.#wanted;
    if (wanted === undefined || wanted === 'committing' || !this.#isIn(worker, wanted)) return;
    if (this.#killing || Date.now() < this.#armedAt) return;
    this.#killing = true;
    const within = this.stubborn ? 20 : 80;
    setTimeout(
      () => {
        if (this.#isIn(worker, wanted) && !this.#completed) {
          void this.#kill(worker, wanted);
        } else {
          this.#killing = false;
        }
      },
      this.#campaign.random.between(0, within),
    );
  }

  #eventsOf(worker: () => Worker | undefined): WorkerEvents {
    const { random, late } = this.#campaign;
    const struck = async (commit: Commit, chance: number): Promise<boolean> => {
      const victim = worker();
      if (victim === undefined || this.#wanted !== 'committing' || this.#killing) return false;
      if (Date.now() < this.#armedAt || !random.chance(commit.journal ? chance : chance / 4)) return false;
      this.#killing = true;
      await this.#kill(victim, 'committing');
      return true;
    };
    const dead = new WeakSet<Commit>();
    return {
      arrived: async (commit) => {
        if (!(await struck(commit, 0.4))) return false;
        dead.add(commit);
        // what the dead sent may still be under way when another has taken the task over
        await sleep(random.chance(0.5) ? random.between(0, lateCommitMs) : 0);
        return true;
      },
      answered: async (commit, landed) => {
        if (dead.has(commit)) {
          late[landed ? 'landed' : 'refused']++;
          return true;
        }
        return landed && (await struck(commit, 0.5));
      },
      changed: (told) => this.#changed(told),
      fact: (fact) => this.#fact(fact),
      outcome: (outcome) => this.#outcome(outcome),
      ended: (told, trouble) => this.#ended(told, trouble),
    };
  }

  #fact(fact: Fact): void {
    this.facts.push(fact);
  }

  #outcome({ status, reason, code }: Outcome): void {
    this.#campaign.outcomes.add([status, code ?? reason].filter(Boolean).join(' '));
    if (code === 'CRASH_LOOP') this.stubborn = false;
    if (status === 'completed') {
      this.#completed = true;
      this.#wanted = undefined;
    }
  }

  #ended(worker: Worker, trouble: string | undefined): void {
    this.#workers.delete(worker);
    if (trouble !== undefined) this.troubles.push(trouble);
    if (this.#completed && this.#workers.size === 0) {
      this.#over();
    } else if (!this.#completed) {
      this.#spawn();
    }
  }

  #isIn(worker: Worker, phase: Phase): boolean {
    return phase === 'streaming' ? worker.streaming : worker.running > 0;
  }

  async #kill(victim: Worker, phase: Phase): Promise<void> {
    await victim.kill();
    // the last words may have come in only now
    const sure = phase === 'committing' || this.#isIn(victim, phase);
    this.#campaign.killed(sure ? phase : undefined);
    this.#arm();
    this.#killing = false;
  }

  #arm(): void {
    this.#wanted = this.#completed ? undefined : this.stubborn ? 'streaming' : this.#campaign.nextPhase();
    this.#armedAt = Date.now() + (this.stubborn ? 0 : this.#campaign.random.between(0, peaceMs));
  }

  #spawn(): void {
    const { random, effects, proxy, projectId, userId } = this.#campaign;
    let worker: Worker | undefined;
    const spawned = {
      taskId: this.taskId,
      userId,
      worker: `${this.taskId}-${++this.#spawned}`,
      effects,
      projectId,
      sdk: random.chance(shareOfSdk),
      timeoutMs: storeCallMs,
      runOptions: { ...runOptions, waitForLeaseMs: random.chance(shareOfImpatient) ? 0 : 60_000 },
    };
    this.#campaign.spawned(spawned.sdk);
    Worker.spawn(
      spawned,
      proxy,
      this.#eventsOf(() => worker),
    ).then(
      (begun) => {
        worker = begun;
        this.#workers.add(begun);
      },
      (error) => {
        this.troubles.push(`no worker could be started: ${error}`);
        this.#over();
      },
    );
  }
}
