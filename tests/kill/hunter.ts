/** Kills and stops the workers of one task, each in the phase that is wanted. */
import type { Campaign } from './campaign.js';
import { lateCommitMs, type Phase, peaceMs, runOptions, type StopKind, stopLeases } from './numbers.js';
import type { Commit, CommitWatcher } from './proxy.js';
import { sleep } from './random.js';
import type { HuntedTask } from './task.js';
import type { Stop, Worker } from './worker.js';

/** What is to happen to the next worker that is in the phase. */
export interface Strike {
  phase: Phase;
  how: 'kill' | StopKind;
}

/** Milliseconds in which what a stopped process has said comes in. */
const lastWordsMs = 30;
/** Milliseconds that a rival has, at most, to take the task over. */
const takeOverMs = 8_000;

export class Hunter {
  readonly stops: Stop[] = [];
  readonly #campaign: Campaign;
  readonly #task: HuntedTask;
  #wanted: Strike | undefined;
  #armedAt = 0;
  #striking = false;

  /** `stubborn`: kills while it streams, until the engine parks the task. */
  constructor(
    task: HuntedTask,
    campaign: Campaign,
    public stubborn: boolean,
  ) {
    this.#task = task;
    this.#campaign = campaign;
  }

  arm(): void {
    const { random } = this.#campaign;
    if (this.#task.completed) {
      this.#wanted = undefined;
    } else {
      this.#wanted = this.stubborn
        ? { phase: 'streaming', how: 'kill' }
        : this.#campaign.nextStrike(this.#task.store.kind);
    }
    this.#armedAt = Date.now() + (this.stubborn ? 0 : random.between(0, peaceMs));
  }

  /** A worker has said what it does now. */
  changed(worker: Worker): void {
    const wanted = this.#wanted;
    if (wanted === undefined || !worker.isIn(wanted.phase) || !this.#isArmed()) return;
    const { random } = this.#campaign;
    if (wanted.phase === 'committing') {
      // what follows is over in milliseconds
      if (random.chance(0.3)) void this.#strike(worker, wanted);
      return;
    }
    this.#striking = true;
    const within = this.stubborn ? 20 : 80;
    void sleep(random.between(0, within)).then(() => {
      this.#striking = false;
      if (worker.isIn(wanted.phase) && !this.#task.completed) return this.#strike(worker, wanted);
    });
  }

  /** Strikes while a commit is on its way to the store or back. */
  watch(worker: () => Worker | undefined): CommitWatcher {
    const { random, late } = this.#campaign;
    const dead = new WeakSet<Commit>();
    const struck = async (commit: Commit, chance: number): Promise<boolean> => {
      const victim = worker();
      const wanted = this.#wanted;
      if (victim === undefined || wanted?.phase !== 'committing' || !this.#isArmed()) return false;
      if (!random.chance(commit.journal ? chance : chance / 4)) return false;
      const strike = this.#strike(victim, wanted);
      if (wanted.how !== 'kill') return false;
      await strike;
      return true;
    };
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
    };
  }

  #isArmed(): boolean {
    return !this.#striking && Date.now() >= this.#armedAt && !this.#task.completed;
  }

  async #strike(victim: Worker, strike: Strike): Promise<void> {
    this.#striking = true;
    try {
      if (strike.how === 'kill') await this.#kill(victim, strike.phase);
      else await this.#stop(victim, strike.phase, strike.how);
    } finally {
      this.arm();
      this.#striking = false;
    }
  }

  async #kill(victim: Worker, phase: Phase): Promise<void> {
    await victim.kill();
    this.#campaign.killed(this.#task.store.kind, this.#isSure(victim, phase) ? phase : undefined);
  }

  async #stop(victim: Worker, phase: Phase, kind: StopKind): Promise<void> {
    const { random } = this.#campaign;
    const { people } = this.#task;
    // whoever gives commands can take the task over too
    if (kind === 'alone' && people.isBusy) return;
    people.isAway = kind === 'alone';
    const others = kind === 'alone' ? [...this.#task.workers].filter((other) => other !== victim) : [];
    for (const worker of [victim, ...others]) this.#campaign.stop(worker);
    try {
      await sleep(lastWordsMs);
      const sure = this.#isSure(victim, phase);
      const before = await this.#task.epoch();
      await sleep(runOptions.leaseTtlMs * random.between(stopLeases.least, stopLeases.most));
      for (let left = takeOverMs; kind !== 'alone' && left > 0; left -= 200) {
        if ((await this.#task.epoch()) > before || this.#task.completed) break;
        await sleep(200);
      }
      const after = await this.#task.epoch();
      const stop = { phase, kind, worker: victim.spawned.worker, wentOnAt: Date.now() };
      if (sure) this.stops.push({ ...stop, epochs: [before, after] });
      this.#campaign.stopped(sure ? phase : undefined, kind);
    } finally {
      this.#campaign.continue(victim);
      // whoever had the task is the first to know
      if (others.length > 0) await sleep(300);
      for (const worker of others) this.#campaign.continue(worker);
      people.isAway = false;
    }
  }

  /** The last words may have come in only after the signal; commits over the network are seen as they are. */
  #isSure(victim: Worker, phase: Phase): boolean {
    const isSeen = phase === 'committing' && this.#task.store.kind === 'firestore';
    return isSeen || victim.isIn(phase);
  }
}
