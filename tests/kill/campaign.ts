/** Runs tasks until enough workers have been struck and enough calls disturbed, and keeps what was seen. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Emulator, startEmulator } from '../firestore/emulator.js';
import type { Strike } from './hunter.js';
import {
  campaignMs,
  commands,
  commandsOfEach,
  faults,
  faultsOfEach,
  itemsOfMilestone,
  killsInEach,
  lanes,
  milestones,
  type Phase,
  phases,
  type StopKind,
  type StoreKind,
  shareOfCommits,
  stopKinds,
  stopsInEach,
} from './numbers.js';
import { FaultProxy } from './proxy.js';
import { Random, sleep } from './random.js';
import { type CampaignStore, firestoreOf, sqliteOf } from './stores.js';
import { HuntedTask } from './task.js';
import type { Worker } from './worker.js';

/** A line of the effect log. */
export interface Effect {
  n: number;
  at: number;
  what: 'opened' | 'asked' | 'begin' | 'end' | 'stored';
  taskId: string;
  worker: string;
  toolCallId: string;
  attempt?: number;
  nonce?: string;
  /** When the worker began it. */
  began?: number;
}

class Tally extends Map<string, number> {
  add(what: string): void {
    this.set(what, this.of(what) + 1);
  }

  of(what: string): number {
    return this.get(what) ?? 0;
  }
}

export class Campaign {
  readonly userId = 'u';
  readonly random: Random;
  /** Keeps what is needed to look into a failure. */
  readonly folder = mkdtempSync(join(tmpdir(), 'task-execution-engine-kill-'));
  /** By store and phase, `in between` where a worker had left the phase. */
  readonly kills = new Tally();
  /** By kind and phase. */
  readonly stops = new Tally();
  /** Commits that arrived after the death of their sender. */
  readonly late = { landed: 0, refused: 0 };
  readonly outcomes = new Tally();
  readonly workers = new Tally();
  readonly tasks: HuntedTask[] = [];
  seconds = 0;
  effects = '';
  proxy!: FaultProxy;
  #stores: CampaignStore[] = [];
  #emulator: Emulator | undefined;
  #log: ChildProcess | undefined;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  async run(): Promise<void> {
    this.#emulator = await startEmulator();
    const { host } = this.#emulator;
    this.proxy = new FaultProxy(host, this.random);
    this.#stores = [firestoreOf(host, 'kill', this.proxy, this.random), sqliteOf(this.folder)];
    const script = fileURLToPath(new URL('./effects.mjs', import.meta.url));
    this.#log = fork(script, [join(this.folder, 'effects.jsonl')]);
    this.effects = await new Promise((resolve) => {
      this.#log?.once('message', (message) => resolve((message as { host: string }).host));
    });
    const began = Date.now();
    const all = this.#stores.flatMap((store) =>
      Array.from({ length: lanes[store.kind] }, (_, lane) => this.#lane(store, lane, began)),
    );
    const tooLate = sleep(campaignMs.end).then(() => Promise.all(this.tasks.map((task) => task.abandon())));
    await Promise.race([Promise.all(all), tooLate]);
    this.seconds = (Date.now() - began) / 1000;
  }

  async #lane(store: CampaignStore, lane: number, began: number): Promise<void> {
    for (let first = true; first || this.#wants(store.kind); first = false) {
      if (Date.now() - began > campaignMs.begin) return;
      const { id } = await store.engine.createTask(this.userId, {
        title: 'Be killed',
        milestones: Array.from({ length: milestones }, (_, m) => ({
          name: `Milestone ${m + 1}`,
          items: Array.from({ length: itemsOfMilestone }, (_, i) => ({ name: `Item ${m + 1} ${i + 1}` })),
        })),
      });
      const task = new HuntedTask(id, store, this, store.kind === 'firestore' && lane === 0 && first);
      this.tasks.push(task);
      await task.run();
    }
  }

  /** What has not been seen often enough on this store. */
  #wants(kind: StoreKind): boolean {
    const elsewhere = kind === 'firestore' && this.shortOfFaults().length > 0;
    return elsewhere || this.#due(kind).length > 0 || this.shortOfCommands().length > 0;
  }

  /** Faults that have not hit often enough, or not often enough a commit. */
  shortOfFaults(): string[] {
    const { counts } = this.proxy;
    return faults.filter((fault) => {
      const { commit, other } = counts[fault];
      return commit + other < faultsOfEach || commit < (commit + other) * shareOfCommits;
    });
  }

  /** Commands that have not settled well often enough. */
  shortOfCommands(): string[] {
    const given = this.tasks.flatMap(({ people }) => people.given);
    return commands.filter((command) => {
      const well = given.filter((one) => one.command === command && one.code === undefined);
      return well.length < commandsOfEach[command];
    });
  }

  #due(kind: StoreKind): Strike[] {
    return phases.flatMap((phase) => [
      ...(this.kills.of(`${kind}, ${phase}`) < killsInEach[kind] ? [{ phase, how: 'kill' as const }] : []),
      ...stopKinds
        .filter((how) => this.stops.of(`${how}, ${phase}`) < stopsInEach[how])
        .map((how) => ({ phase, how })),
    ]);
  }

  /** Kills are more, so stops come in between. */
  nextStrike(kind: StoreKind): Strike | undefined {
    const due = this.#due(kind);
    return due.length > 0 ? this.random.pick(due) : undefined;
  }

  killed(kind: StoreKind, phase: Phase | undefined): void {
    this.kills.add(`${kind}, ${phase ?? 'in between'}`);
  }

  stopped(phase: Phase | undefined, kind: StopKind): void {
    this.stops.add(`${kind}, ${phase ?? 'in between'}`);
  }

  stop(worker: Worker): void {
    this.#log?.send({ pid: worker.pid, isStopped: true });
    worker.stop();
  }

  continue(worker: Worker): void {
    worker.continue();
    this.#log?.send({ pid: worker.pid, isStopped: false });
  }

  spawned(kind: string): void {
    this.workers.add(kind);
  }

  async effectLog(): Promise<Effect[]> {
    return (await (await fetch(`http://${this.effects}/`)).json()) as Effect[];
  }

  /** Nothing is left behind, whatever state it is in. */
  async close(): Promise<void> {
    await Promise.all(this.tasks.map((task) => task.abandon()));
    this.proxy?.close();
    for (const store of this.#stores) store.close();
    this.#log?.disconnect();
    await this.#emulator?.stop();
  }
}
