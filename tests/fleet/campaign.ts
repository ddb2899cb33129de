/** Many tasks on a few workers that are killed all the time, by `work` or behind Restate, until every task has ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTaskEngine, type JournalEntry, type TaskEngine } from '../../js/index.js';
import { restateRunner } from '../../js/restate/index.js';
import { firestoreRestStore } from '../../js/stores/firestore/index.js';
import { type Emulator, freePort, startEmulator } from '../firestore/emulator.js';
import type { Effect } from '../kill/campaign.js';
import type { Evidence } from '../kill/evidence.js';
import { factsOf } from '../kill/journal.js';
import { Random, sleep } from '../kill/random.js';
import { startBalancer } from './balancer.mjs';
import { type Process, startRestateWorker, startWorker } from './processes.js';
import { RestateServer } from './restate-server.js';

export interface Numbers {
  workers: number;
  tasks: number;
  users: number;
  /** By SIGKILL, at least. */
  kills: number;
  /** Of Restate's server. */
  restarts: number;
  /** Stops of a worker beyond its lease. */
  stops: number;
  /** Milliseconds between two kills. */
  peaceMs: { least: number; most: number };
  /** After which nobody waits any longer. */
  mostMs: number;
}

interface Ids {
  userId: string;
  taskId: string;
}

interface Slot {
  name: string;
  process: Process;
  port: number;
}

export const leaseTtlMs = 2_000;
/** What people see to: a task of which nothing was stored for so long may be let alone for having died too often. */
const stuckMs = 20_000;
/** Four items: twelve turns of the model, a call that is approved and one that is answered by a person. */
const items = ['Item 1', 'Item 2', 'Item 3', 'Item 1'];

export class FleetCampaign {
  readonly kills: { worker: string; at: number }[] = [];
  readonly stops: string[] = [];
  restarts = 0;
  /** Tasks that a person had to resume. */
  helped = 0;
  seconds = 0;
  readonly #kind: 'work' | 'restate';
  readonly #numbers: Numbers;
  readonly #random: Random;
  readonly #folder = mkdtempSync(join(tmpdir(), 'task-execution-engine-fleet-'));
  readonly #tasks: Ids[] = [];
  readonly #slots: Slot[] = [];
  readonly #processes: Process[] = [];
  readonly #moved = new Map<string, { seq: number; at: number }>();
  #emulator!: Emulator;
  #log!: ChildProcess;
  #effects = '';
  #server: RestateServer | undefined;
  #engine!: TaskEngine;
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
    const store = firestoreRestStore({ projectId: 'fleet', host: this.#emulator.host });
    this.#engine = createTaskEngine({ store, defaults: { storeTimeoutMs: 60_000 } });
    const script = fileURLToPath(new URL('../kill/effects.mjs', import.meta.url));
    this.#log = fork(script, [join(this.#folder, 'effects.jsonl')]);
    this.#effects = await new Promise((resolve) => {
      this.#log.once('message', (message) => resolve((message as { host: string }).host));
    });
    if (this.#kind === 'restate') this.#server = await RestateServer.start(this.#folder);
    for (let n = 0; n < this.#numbers.workers; n += 1) {
      const port = await freePort();
      this.#slots.push(await this.#spawn(port));
    }
    if (this.#server !== undefined) {
      this.#balancer = await startBalancer(() => this.#slots.map(({ port }) => port));
      await this.#server.register(this.#balancer.port);
    }
    const began = Date.now();
    await this.#begin();
    const late = began + this.#numbers.mostMs;
    await Promise.all([this.#people(late), this.#disturb(late)]);
    this.seconds = (Date.now() - began) / 1_000;
    // Nobody goes on while it is looked at what there is.
    await Promise.all(this.#slots.map(({ process }) => process.kill()));
    return this.#evidence();
  }

  async #begin(): Promise<void> {
    for (let n = 0; n < this.#numbers.tasks; n += 1) {
      const userId = `user-${n % this.#numbers.users}`;
      const milestones = [{ name: 'All', items: items.map((name) => ({ name })) }];
      const { id } = await this.#engine.createTask(userId, { title: `Task ${n}`, milestones });
      this.#tasks.push({ userId, taskId: id });
    }
    for (const ids of this.#tasks) await this.#say(ids, 'start');
  }

  async #spawn(port: number): Promise<Slot> {
    const name = `worker-${++this.#spawned}`;
    const world = {
      store: { kind: 'rest', projectId: 'fleet', host: this.#emulator.host, timeoutMs: 2_000 },
      effects: this.#effects,
      worker: name,
      defaults: { leaseTtlMs, storeTimeoutMs: 8_000, graceMs: 500 },
    };
    const serve = { port, sliceMs: 10_000, look: { firstMs: 5_000, maxMs: 10_000 } };
    const process =
      this.#kind === 'work'
        ? startWorker(world, ['--at-once', '20'])
        : await startRestateWorker(world, serve);
    this.#processes.push(process);
    return { name, process, port };
  }

  /** A command, again until it is stored. */
  async #say(ids: Ids, what: 'start' | 'resume' | 'approve' | 'answer', callId = ''): Promise<void> {
    const runner = this.#server && restateRunner({ ingress: this.#server.ingress, timeoutMs: 10_000 });
    const lifecycle = this.#engine.lifecycle(ids.taskId, ids.userId);
    for (;;) {
      try {
        if (what === 'answer') {
          await (runner
            ? runner.answer(ids, callId, { said: 'by a person' })
            : lifecycle.answer(callId, { said: 'by a person' }));
        } else if (what === 'approve') {
          await (runner ? runner.approve(ids, callId) : lifecycle.approve(callId));
        } else {
          await (runner ? runner[what](ids) : lifecycle[what]());
        }
        return;
      } catch (error) {
        const { code, retryable } = error as { code?: string; retryable?: boolean };
        // What was lost was the answer to the first try; or a run has it again.
        if (['ALREADY_DECIDED', 'LEASE_HELD', 'INVALID_TRANSITION'].includes(code ?? '')) return;
        if (!retryable || this.#isOver) throw error;
        await sleep(300);
      }
    }
  }

  /** Sees to what waits, until every task has ended. */
  async #people(late: number): Promise<void> {
    const open = new Set(this.#tasks);
    while (open.size > 0 && Date.now() < late) {
      for (const ids of [...open]) {
        const { status, waiting, seq, unfinished } = await this.#engine
          .lifecycle(ids.taskId, ids.userId)
          .state();
        if (status === 'completed') open.delete(ids);
        const before = this.#moved.get(ids.taskId);
        if (before?.seq !== seq) this.#moved.set(ids.taskId, { seq, at: Date.now() });
        for (const { toolCall, why } of waiting) {
          await this.#say(ids, why === 'input' ? 'answer' : 'approve', toolCall.id);
        }
        const isStuck = unfinished && before?.seq === seq && Date.now() - before.at > stuckMs;
        if (status === 'failed' || isStuck) {
          this.helped += 1;
          this.#moved.delete(ids.taskId);
          await this.#say(ids, 'resume');
        }
      }
      await sleep(200);
    }
    this.#isOver = true;
  }

  /** Kills, stops and restarts until there were enough, and keeps as many workers as there have to be. */
  async #disturb(late: number): Promise<void> {
    const { kills, stops, restarts, peaceMs } = this.#numbers;
    const isDue = () =>
      this.kills.length < kills ||
      this.stops.length < stops ||
      (this.#server !== undefined && this.restarts < restarts);
    while (!this.#isOver && Date.now() < late) {
      await sleep(this.#random.between(peaceMs.least, peaceMs.most));
      for (const [n, slot] of this.#slots.entries()) {
        // one that ended by itself is a failure, which the evidence tells
        if (slot.process.isOver) this.#slots[n] = await this.#spawn(slot.port);
      }
      if (!isDue() || this.#isOver) continue;
      const n = Math.floor(this.#random.next() * this.#slots.length);
      const slot = this.#slots[n] as Slot;
      // spread over the time that the kills take
      const share = Math.min(1, (this.kills.length + 1) / Math.max(1, kills));
      if (this.#server !== undefined && this.restarts < Math.ceil(restarts * share)) {
        this.restarts += 1;
        await this.#server.kill();
        await this.#server.begin();
      } else if (this.stops.length < Math.ceil(stops * share)) {
        this.stops.push(slot.name);
        slot.process.signal('SIGSTOP');
        await sleep(2 * leaseTtlMs);
        slot.process.signal('SIGCONT');
      } else {
        await slot.process.kill();
        this.kills.push({ worker: slot.name, at: Date.now() });
        this.#slots[n] = await this.#spawn(slot.port);
      }
    }
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

  /** Milliseconds from a worker's death until another has stored something for a task that it had, in order. */
  recoveries(evidence: Evidence[]): number[] {
    return evidence
      .flatMap(({ journal }) =>
        journal.flatMap((entry, i) => {
          const before = journal[i - 1];
          const isRecovery = factsOf(entry, 'begun').some(({ how }) => how === 'recovered');
          if (!isRecovery || before === undefined) return [];
          const [from, to] = [Date.parse(before.at) - 200, Date.parse(entry.at)];
          const kill = this.kills.find(({ at }) => at >= from && at <= to);
          return kill === undefined ? [] : [to - kill.at];
        }),
      )
      .sort((a, b) => a - b);
  }

  async close(): Promise<void> {
    this.#isOver = true;
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
