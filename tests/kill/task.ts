/** One task: two workers that want to run it, somebody who strikes them, and people who give commands. */
import type { JournalEntry } from '../../js/index.js';
import type { Campaign } from './campaign.js';
import { Hunter } from './hunter.js';
import { runOptions, shareOfImpatient, workersOfTask } from './numbers.js';
import { People } from './people.js';
import type { CampaignStore } from './stores.js';
import { type Fact, type Outcome, Worker, type WorkerEvents } from './worker.js';

export class HuntedTask {
  readonly facts: Fact[] = [];
  readonly troubles: string[] = [];
  readonly workers = new Set<Worker>();
  readonly hunter: Hunter;
  readonly people: People;
  completed = false;
  readonly #campaign: Campaign;
  #spawned = 0;
  #over: () => void = () => {};

  /** `stubborn`: killed while it streams until the engine parks the task, which is resumed then. */
  constructor(
    readonly taskId: string,
    readonly store: CampaignStore,
    campaign: Campaign,
    stubborn: boolean,
  ) {
    this.#campaign = campaign;
    this.hunter = new Hunter(this, campaign, stubborn);
    this.people = new People(this, campaign);
  }

  get isStubborn(): boolean {
    return this.hunter.stubborn;
  }

  /** Until every worker has ended, each with the task completed. */
  async run(): Promise<void> {
    const over = new Promise<void>((resolve) => {
      this.#over = resolve;
    });
    this.hunter.arm();
    for (let i = 0; i < workersOfTask; i++) this.#spawn();
    const commands = this.people.run().catch((error) => this.troubles.push(`people: ${error.stack}`));
    await over;
    await commands;
  }

  async abandon(): Promise<void> {
    this.#complete();
    await Promise.all([this.people.leave(), ...[...this.workers].map((worker) => worker.kill())]);
  }

  async journal(): Promise<JournalEntry[]> {
    const journal = [];
    const { userId } = this.#campaign;
    for await (const entry of this.store.engine.persistence(this.taskId, userId).journal())
      journal.push(entry);
    return journal;
  }

  /** Of the last that took the task; 0 before anybody has. */
  async epoch(): Promise<number> {
    const { userId } = this.#campaign;
    return (await this.store.engine.persistence(this.taskId, userId).checkpoint()).epoch;
  }

  #complete(): void {
    this.completed = true;
    this.hunter.arm();
    this.people.end();
  }

  #outcome(worker: Worker, { status, reason, code, waits }: Outcome): void {
    this.#campaign.outcomes.add([status, code ?? reason].filter(Boolean).join(' '));
    if (worker.resuming && code === 'STORE_UNAVAILABLE') this.people.resumeInDoubt();
    worker.resuming = false;
    if (code === 'CRASH_LOOP') this.hunter.stubborn = false;
    if (status === 'completed') this.#complete();
    if (waits && (this.people.mayGoOn || this.completed)) worker.go('resume');
  }

  #ended(worker: Worker, trouble: string | undefined): void {
    this.workers.delete(worker);
    if (worker.resuming) this.people.resumeInDoubt();
    if (trouble !== undefined) this.troubles.push(trouble);
    if (this.completed && this.workers.size === 0) {
      this.#over();
    } else if (!this.completed) {
      this.#spawn();
    }
  }

  #spawn(): void {
    this.#spawnNow().catch((error) => {
      this.troubles.push(`no worker could be started: ${error}`);
      this.#over();
    });
  }

  async #spawnNow(): Promise<void> {
    const { random, effects, userId } = this.#campaign;
    let worker: Worker | undefined;
    const { store, door } = await this.store.ofProcess(this.hunter.watch(() => worker));
    const events: WorkerEvents = {
      changed: (told) => this.hunter.changed(told),
      fact: (fact) => this.facts.push(fact),
      outcome: (told, outcome) => this.#outcome(told, outcome),
      ended: (told, trouble) => this.#ended(told, trouble),
    };
    const waitForLeaseMs = random.chance(shareOfImpatient) ? 0 : 60_000;
    const spawned = {
      taskId: this.taskId,
      userId,
      worker: `${this.taskId}-${++this.#spawned}`,
      effects,
      store,
      runOptions: { ...runOptions, waitForLeaseMs },
    };
    this.#campaign.spawned(store.kind);
    worker = new Worker(spawned, door, events);
    this.workers.add(worker);
  }
}
