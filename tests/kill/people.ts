/** Those who give one task commands from another process, and look whether what they were told holds. */
import type { JournalEntry, TaskState } from '../../js/index.js';
import type { Campaign } from './campaign.js';
import { Commander, type Given } from './commander.js';
import { factsOf } from './journal.js';
import {
  type Command,
  commandEveryMs,
  lateCommitMs,
  quietMs,
  runOptions,
  shareOfCommandersKilled,
} from './numbers.js';
import { sleep } from './random.js';
import type { HuntedTask } from './task.js';
import { unwatched } from './worker.js';

/** A pause or stop that settled well, and the time in which nothing was to start. */
export interface Quiet {
  command: 'pause' | 'stop';
  from: number;
  until: number;
  /** What was wrong with the journal. */
  breaches: string[];
}

export class People {
  readonly given: Given[] = [];
  readonly quiets: Quiet[] = [];
  /** While a pause holds, nobody goes on. */
  mayGoOn = true;
  /** A command is under way. */
  isBusy = false;
  /** Nobody gives commands. */
  isAway = false;
  readonly #task: HuntedTask;
  readonly #campaign: Campaign;
  #commander: Promise<Commander> | undefined;
  #resumeMayComeUntil = 0;
  #sent = 0;
  readonly #over: Promise<void>;
  end: () => void = () => {};

  constructor(task: HuntedTask, campaign: Campaign) {
    this.#task = task;
    this.#campaign = campaign;
    this.#over = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  /** Until the task is completed. */
  async run(): Promise<void> {
    const { random } = this.#campaign;
    while (!this.#task.completed) {
      await Promise.race([this.#over, sleep(random.between(commandEveryMs.least, commandEveryMs.most))]);
      if (this.#task.completed || this.#task.isStubborn || this.isAway) continue;
      this.isBusy = true;
      await random.pick([
        () => this.#decide(),
        () => this.#decide(),
        () => this.#decide(),
        () => this.#send(),
        () => this.#begin(),
        () => this.#interrupt(random.pick(['pause', 'stop'] as const)),
      ])();
      this.isBusy = false;
    }
    await this.leave();
  }

  /** What is being given is cut off. */
  async leave(): Promise<void> {
    const commander = await this.#commander;
    this.#commander = undefined;
    await commander?.kill();
  }

  /** Who was told to resume has died or given up: what it sent may still arrive. */
  resumeInDoubt(): void {
    this.#resumeMayComeUntil = Date.now() + lateCommitMs + runOptions.storeTimeoutMs;
  }

  async #give(command: Command, ...args: unknown[]): Promise<Given> {
    this.#commander ??= this.#hire();
    const commander = await this.#commander;
    const giving = commander.give(command, args);
    const { random } = this.#campaign;
    if (random.chance(shareOfCommandersKilled)) {
      void sleep(random.between(0, 60)).then(() => commander.kill());
      this.#commander = undefined;
    }
    const given = await giving;
    const inDoubt = ['killed', 'unsettled', 'STORE_UNAVAILABLE'].includes(given.code ?? '');
    if (inDoubt && (command === 'resume' || command === 'start')) this.resumeInDoubt();
    this.given.push(command === 'state' ? { ...given, value: undefined } : given);
    return given;
  }

  async #hire(): Promise<Commander> {
    const { taskId } = this.#task;
    const { userId } = this.#campaign;
    const { store, door } = await this.#task.store.ofProcess(unwatched);
    return new Commander({ taskId, userId }, store, runOptions, door);
  }

  async #send(): Promise<void> {
    await this.#give('send', `Message ${++this.#sent} to ${this.#task.taskId}.`);
  }

  /** Starts or resumes what may be running already. */
  async #begin(): Promise<void> {
    if (this.#task.facts.length > 0)
      await this.#give(this.#campaign.random.pick(['start', 'resume'] as const));
  }

  /** Answers what waits, at times from two sides at once. */
  async #decide(): Promise<void> {
    const { random } = this.#campaign;
    const { value } = await this.#give('state');
    const { waiting = [] } = (value ?? {}) as Partial<TaskState>;
    await Promise.all(
      waiting.flatMap(({ toolCall, why }) => {
        const decision = () => {
          const may = why === 'input' ? (['answer', 'answer', 'reject'] as const) : decisions;
          const command = random.pick(may);
          const args = command === 'answer' ? [{ answered: true }] : command === 'reject' ? ['No.'] : [];
          return this.#give(command, toolCall.id, ...args);
        };
        return random.chance(0.25) ? [decision(), decision()] : [decision()];
      }),
    );
  }

  async #interrupt(command: 'pause' | 'stop'): Promise<void> {
    const { random } = this.#campaign;
    const { workers, facts } = this.#task;
    const resumes = [...workers].some(({ resuming }) => resuming) || Date.now() < this.#resumeMayComeUntil;
    if (facts.length === 0 || resumes) return;
    this.mayGoOn = false;
    try {
      const { code, at } = await this.#give(command, ...(command === 'stop' ? ['enough'] : []));
      if (code === undefined) {
        const before = await this.#task.journal();
        const breaches = before.length > 0 && hasEnded(before) ? [] : ['the journal does not have it'];
        await sleep(random.between(quietMs.least, quietMs.most));
        const after = await this.#task.journal();
        if (!hasEnded(after)) breaches.push('it did not last');
        const started = after.slice(before.length).flatMap(({ kinds }) => kinds);
        if (started.length > 0) breaches.push(`${started} came after it`);
        this.quiets.push({ command, from: at, until: Date.now(), breaches });
      }
      if (!this.#task.completed && random.chance(0.6)) {
        await this.#give(random.pick(['start', 'resume'] as const));
      }
    } finally {
      this.mayGoOn = true;
      for (const worker of workers) if (worker.waits) worker.go(random.chance(0.5) ? 'resume' : 'run');
    }
  }
}

const decisions = ['approve', 'approve', 'reject', 'answer'] as const;

/** The last that was journaled of runs is an end. */
function hasEnded(journal: JournalEntry[]): boolean {
  const turns = journal.flatMap((entry) => [...factsOf(entry, 'begun'), ...factsOf(entry, 'ended')]);
  return turns.at(-1)?.kind === 'ended';
}
