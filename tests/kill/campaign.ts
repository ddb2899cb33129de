/** Runs tasks until enough workers have been killed and enough calls disturbed, and keeps what was seen. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTaskEngine, type TaskEngine } from '../../js/index.js';
import { firestoreRestStore } from '../../js/stores/firestore/index.js';
import { type Emulator, startEmulator } from '../firestore/emulator.js';
import {
  campaignMs,
  faults,
  faultsOfEach,
  itemsOfMilestone,
  killsInEach,
  lanes,
  milestones,
  type Phase,
  phases,
  shareOfCommits,
} from './numbers.js';
import { FaultProxy } from './proxy.js';
import { Random, sleep } from './random.js';
import { HuntedTask } from './task.js';

/** A line of the effect log. */
export interface Effect {
  n: number;
  at: number;
  what: 'begin' | 'end' | 'stored';
  taskId: string;
  worker: string;
  toolCallId: string;
  attempt?: number;
  nonce?: string;
}

class Tally extends Map<string, number> {
  add(what: string): void {
    this.set(what, (this.get(what) ?? 0) + 1);
  }
}

export class Campaign {
  readonly userId = 'u';
  readonly projectId = 'kill';
  readonly random: Random;
  /** Keeps what is needed to look into a failure. */
  readonly folder = mkdtempSync(join(tmpdir(), 'task-execution-engine-kill-'));
  readonly kills: Record<Phase | 'in between', number> = {
    committing: 0,
    streaming: 0,
    'running a tool': 0,
    'in between': 0,
  };
  /** Commits that arrived after the death of their sender. */
  readonly late = { landed: 0, refused: 0 };
  readonly outcomes = new Tally();
  readonly workers = { rest: 0, sdk: 0 };
  readonly tasks: HuntedTask[] = [];
  seconds = 0;
  effects = '';
  proxy!: FaultProxy;
  engine!: TaskEngine;
  #emulator: Emulator | undefined;
  #log: ChildProcess | undefined;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  async run(): Promise<void> {
    this.#emulator = await startEmulator();
    const { host } = this.#emulator;
    this.engine = createTaskEngine({ store: firestoreRestStore({ projectId: this.projectId, host }) });
    this.proxy = new FaultProxy(host, this.random);
    const script = fileURLToPath(new URL('./effects.mjs', import.meta.url));
    this.#log = fork(script, [join(this.folder, 'effects.jsonl')]);
    this.effects = await new Promise((resolve) => {
      this.#log?.once('message', (message) => resolve((message as { host: string }).host));
    });
    const began = Date.now();
    const tooLate = sleep(campaignMs.end).then(() => Promise.all(this.tasks.map((task) => task.abandon())));
    await Promise.race([
      Promise.all(Array.from({ length: lanes }, (_, lane) => this.#lane(lane, began))),
      tooLate,
    ]);
    this.seconds = (Date.now() - began) / 1000;
  }

  async #lane(lane: number, began: number): Promise<void> {
    for (let first = true; first || this.#wants(); first = false) {
      if (Date.now() - began > campaignMs.begin) return;
      const { id } = await this.engine.createTask(this.userId, {
        title: 'Be killed',
        milestones: Array.from({ length: milestones }, (_, m) => ({
          name: `Milestone ${m + 1}`,
          items: Array.from({ length: itemsOfMilestone }, (_, i) => ({ name: `Item ${m + 1} ${i + 1}` })),
        })),
      });
      const task = new HuntedTask(id, this, lane === 0 && first);
      this.tasks.push(task);
      await task.run();
    }
  }

  #wants(): boolean {
    return this.nextPhase() !== undefined || this.shortOfFaults().length > 0;
  }

  /** Faults that have not hit often enough, or not often enough a commit. */
  shortOfFaults(): string[] {
    const { counts } = this.proxy;
    return faults.filter((fault) => {
      const { commit, other } = counts[fault];
      return commit + other < faultsOfEach || commit < (commit + other) * shareOfCommits;
    });
  }

  nextPhase(): Phase | undefined {
    const due = phases.filter((phase) => this.kills[phase] < killsInEach);
    return due.length > 0 ? this.random.pick(due) : undefined;
  }

  killed(phase: Phase | undefined): void {
    this.kills[phase ?? 'in between']++;
  }

  spawned(sdk: boolean): void {
    this.workers[sdk ? 'sdk' : 'rest']++;
  }

  async effectLog(): Promise<Effect[]> {
    return (await (await fetch(`http://${this.effects}/`)).json()) as Effect[];
  }

  async close(): Promise<void> {
    this.proxy?.close();
    this.#log?.disconnect();
    await this.#emulator?.stop();
  }
}
