/** Many tasks on a few workers that are killed all the time, by `work` or behind Restate, until every task has ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTaskEngine, type JournalEntry, type TaskEngine } from '../../js/index.js';
import { firestoreRestStore } from '../../js/stores/firestore/index.js';
import { type Emulator, freePort, startEmulator } from '../firestore/emulator.js';
import type { Effect } from '../kill/campaign.js';
import type { Evidence } from '../kill/evidence.js';
import { factsOf } from '../kill/journal.js';
import { Random, sleep } from '../kill/random.js';
import { startBalancer } from './balancer.mjs';
import { People } from './people.js';
import { type Process, spawnRestateWorker, startWorker } from './processes.js';
import { type Ids, Progress } from './progress.js';
import { RestateServer } from './restate-server.mjs';

export interface Numbers {
  workers: number;
  tasks: number;
  users: number;
  /** By SIGKILL. */
  kills: number;
  /** Of Restate's server. */
  restarts: number;
  /** Stops of a worker beyond its lease. */
  stops: number;
  /** Journal entries that are stored between two of these: the harder the machine works, the more time they have. */
  peace: { least: number; most: number };
  /** Milliseconds after which what a killed worker has is free, at least: longer where the store is slow. */
  leaseTtlMs: number;
  /** Seconds between two looks of a worker without Restate. */
  everyS: number;
}

interface Slot {
  name: string;
  process: Process;
  port: number;
  /** It works. */
  isUp: boolean;
}

/** Tasks at once: on a worker without Restate, and of a user behind Restate. */
const atOnce = 20;
const perUser = 1;
/** Milliseconds that who looks on waits for the store: what they see is no question of speed. */
const patienceMs = 600_000;
/** Four items: twelve turns of the model, a call that is approved and one that is answered by a person. */
const items = ['Item 1', 'Item 2', 'Item 3', 'Item 1'];

export class FleetCampaign {
  readonly kills: { worker: string; at: number }[] = [];
  readonly stops: string[] = [];
  restarts = 0;
  seconds = 0;
  people!: People;
  readonly #kind: 'work' | 'restate';
  readonly #numbers: Numbers;
  readonly #random: Random;
  readonly #folder = mkdtempSync(join(tmpdir(), 'task-execution-engine-fleet-'));
  readonly #tasks: Ids[] = [];
  readonly #slots: Slot[] = [];
  readonly #processes: Process[] = [];
  #emulator!: Emulator;
  #log!: ChildProcess;
  #effects = '';
  #server: RestateServer | undefined;
  #engine!: TaskEngine;
  #progress!: Progress;
  /** As docs/scaling.md has it: far above the time for which one of them may stand still. */
  leaseTtlMs = 0;
  #balancer: Awaited<ReturnType<typeof startBalancer>> | undefined;
  #spawned = 0;
  #isOver = false;

  constructor(kind: 'work' | 'restate', numbers: Numbers, seed: number) {
    this.#kind = kind;
    this.#numbers = numbers;
    this.#random = new Random(seed);
  }

  get seed(): number {
    return this.#random.seed;
  }

  async run(): Promise<Evidence[]> {
    this.#emulator = await startEmulator();
    const store = firestoreRestStore({
      projectId: 'fleet',
      host: this.#emulator.host,
      timeoutMs: patienceMs,
    });
    // Without a model: it can run nothing.
    this.#engine = createTaskEngine({ store, defaults: { storeTimeoutMs: patienceMs } });
    this.#progress = new Progress(store);
    const script = fileURLToPath(new URL('../kill/effects.mjs', import.meta.url));
    this.#log = fork(script, [join(this.#folder, 'effects.jsonl')]);
    this.#effects = await new Promise((resolve) => {
      this.#log.once('message', (message) => resolve((message as { host: string }).host));
    });
    if (this.#kind === 'restate') this.#server = await RestateServer.start(this.#folder);
    const slowestMs = await this.#create();
    this.leaseTtlMs = Math.round(Math.max(this.#numbers.leaseTtlMs, 5 * slowestMs));
    for (let n = 0; n < this.#numbers.workers; n += 1) {
      this.#slots.push(this.#spawn(await freePort()));
    }
    if (this.#server !== undefined) {
      this.#balancer = await startBalancer(() => this.#slots.map(({ port }) => port));
    }
    await this.#up();
    if (this.#balancer !== undefined) await this.#server?.register(this.#balancer.port);
    const began = Date.now();
    this.people = new People(this.#engine, this.#server, this.#progress, this.#tasks);
    await Promise.all([
      this.people.begin(),
      this.people.see().finally(() => this.#end()),
      this.#disturb().catch((error) => {
        this.people.leave();
        throw error;
      }),
    ]);
    this.seconds = (Date.now() - began) / 1_000;
    // Nobody goes on while it is looked at what there is.
    await Promise.all(this.#slots.map(({ process }) => process.kill()));
    return this.#evidence();
  }

  #end(): void {
    this.#isOver = true;
  }

  /** Returns the milliseconds that the slowest of these commits took. */
  async #create(): Promise<number> {
    let slowest = 0;
    for (let n = 0; n < this.#numbers.tasks; n += 1) {
      const userId = `user-${n % this.#numbers.users}`;
      const milestones = [{ name: 'All', items: items.map((name) => ({ name })) }];
      const began = performance.now();
      const { id } = await this.#engine.createTask(userId, { title: `Task ${n}`, milestones });
      // The emulator's first one warms it up.
      if (n > 0) slowest = Math.max(slowest, performance.now() - began);
      this.#tasks.push({ userId, taskId: id });
    }
    return slowest;
  }

  #spawn(port: number): Slot {
    const name = `worker-${++this.#spawned}`;
    const { leaseTtlMs } = this;
    const { everyS } = this.#numbers;
    const world = {
      store: { kind: 'rest', projectId: 'fleet', host: this.#emulator.host, timeoutMs: leaseTtlMs },
      effects: this.#effects,
      worker: name,
      defaults: { leaseTtlMs, storeTimeoutMs: 3 * leaseTtlMs, graceMs: 500 },
    };
    // Looks are seldom: what people say has to wake a task.
    const serve = { port, perUser, look: { firstMs: 3_600_000 } };
    const process =
      this.#kind === 'work'
        ? startWorker(world, ['--at-once', String(atOnce), '--every', String(everyS)])
        : spawnRestateWorker(world, serve);
    this.#processes.push(process);
    const slot = { name, process, port, isUp: false };
    const up = () => {
      slot.isUp = true;
    };
    // What ends before is found by whoever looks for one that is up.
    process.seen(/works on|serving on/).then(up, () => {});
    return slot;
  }

  /** One of the workers that are up, once there is one. */
  async #up(): Promise<Slot> {
    for (;;) {
      const fallen = this.#slots.find(({ process }) => process.isOver);
      if (fallen !== undefined) {
        throw new Error(`${fallen.name} has ended by itself:\n${fallen.process.output.slice(-5_000)}`);
      }
      const up = this.#slots.filter(({ isUp }) => isUp);
      if (up.length > 0) return this.#random.pick(up);
      await sleep(50);
    }
  }

  /** Kills, stops and restarts, in any order, each after so much was done. */
  async #disturb(): Promise<void> {
    const { kills, stops, restarts, peace } = this.#numbers;
    const due = [
      ...Array.from({ length: kills }, () => 'kill'),
      ...Array.from({ length: stops }, () => 'stop'),
      ...Array.from({ length: this.#server === undefined ? 0 : restarts }, () => 'restart'),
    ].map((what) => ({ what, at: this.#random.next() }));
    for (const { what } of due.sort((a, b) => a.at - b.at)) {
      const wanted = this.#progress.entries + this.#random.between(peace.least, peace.most);
      await this.#progress.reaches(wanted, () => this.#isOver);
      const slot = await this.#up();
      if (this.#isOver) return;
      if (what === 'restart') {
        this.restarts += 1;
        await this.#server?.kill();
        await this.#server?.begin();
      } else if (what === 'stop') {
        this.stops.push(slot.name);
        slot.process.signal('SIGSTOP');
        await sleep(2 * this.leaseTtlMs);
        slot.process.signal('SIGCONT');
      } else {
        // Others go on, and are struck, while its successor comes up.
        const killed = slot.process.kill();
        this.#slots[this.#slots.indexOf(slot)] = this.#spawn(slot.port);
        await killed;
        this.kills.push({ worker: slot.name, at: Date.now() });
      }
    }
    await this.#up();
  }

  async #evidence(): Promise<Evidence[]> {
    const effects = (await (await fetch(`http://${this.#effects}/`)).json()) as Effect[];
    const evidence: Evidence[] = [];
    for (const { userId, taskId } of this.#tasks) {
      const stored = this.#engine.persistence(taskId, userId);
      const journal: JournalEntry[] = [];
      for await (const entry of stored.journal()) journal.push(entry);
      evidence.push({
        taskId,
        kind: 'firestore',
        task: await stored.load(),
        journal,
        thread: await stored.taskMessages({ limit: 10_000 }),
        results: await stored.toolResults(),
        messages: await stored.apiMessages(),
        effects: effects.filter((effect) => effect.taskId === taskId),
        facts: [],
        stops: [],
        given: [],
        quiets: [],
        troubles: [],
      });
    }
    return evidence;
  }

  /** What workers said that went wrong, by how often. */
  troubles(): string {
    const said = new Map<string, number>();
    for (const { output } of this.#processes) {
      for (const [what] of output.matchAll(/(cannot be|is left alone|has died|was interrupted|ERROR).*/g)) {
        const kind = what.replace(/[\w-]{12,}/g, '…').slice(0, 120);
        said.set(kind, (said.get(kind) ?? 0) + 1);
      }
    }
    return [...said].map(([what, times]) => `  ${times} × ${what}`).join('\n');
  }

  /**
   * Milliseconds from a worker's death until another has stored something for a task that it had, in order. Where that one
   * died first, they count from its death.
   */
  recoveries(evidence: Evidence[]): number[] {
    const ms = new Map<string, number>();
    for (const { worker, at } of this.kills) {
      for (const { taskId, journal, effects } of evidence) {
        const owner = effects.filter((effect) => effect.what === 'opened' && effect.at < at).at(-1)?.worker;
        const next = journal.find((entry) => Date.parse(entry.at) > at && factsOf(entry, 'begun').length > 0);
        if (owner !== worker || next === undefined) continue;
        if (!factsOf(next, 'begun').some(({ how }) => how === 'recovered')) continue;
        // Kills are in order: the last one stays.
        ms.set(`${taskId}/${next.seq}`, Date.parse(next.at) - at);
      }
    }
    return [...ms.values()].sort((a, b) => a - b);
  }

  async close(): Promise<void> {
    this.people?.leave();
    await Promise.all(this.#slots.map(({ process }) => process.kill()));
    this.#balancer?.end();
    await this.#server?.kill();
    this.#log?.disconnect();
    await this.#emulator?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function quantile(sorted: number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
