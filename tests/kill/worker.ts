/** A worker process as the campaign sees it: what it says of itself, and the way it takes to the store. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CommitWatcher, Door, FaultProxy } from './proxy.js';

/** What a worker announced as stored. */
export interface Fact {
  seq: number;
  epoch: number;
  worker: string;
}

export interface Outcome {
  status: string;
  reason?: string;
  code?: string;
  message?: string;
}

export interface Spawned {
  taskId: string;
  userId: string;
  worker: string;
  effects: string;
  projectId: string;
  sdk: boolean;
  timeoutMs: number;
  runOptions: object;
}

export interface WorkerEvents extends CommitWatcher {
  changed(worker: Worker): void;
  fact(fact: Fact): void;
  outcome(outcome: Outcome): void;
  /** The process has ended and everything that it said has been heard. `trouble` where it ended of itself. */
  ended(worker: Worker, trouble: string | undefined): void;
}

const script = fileURLToPath(new URL('./worker.mjs', import.meta.url));

export class Worker {
  streaming = false;
  /** Executions of tools that run. */
  running = 0;
  killed = false;
  /** Resolves when the process has ended. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;

  static async spawn(spawned: Spawned, proxy: FaultProxy, events: WorkerEvents): Promise<Worker> {
    const door = await proxy.open(events);
    return new Worker(spawned, door, events);
  }

  private constructor(
    readonly spawned: Spawned,
    door: Door,
    events: WorkerEvents,
  ) {
    this.#child = fork(script, [JSON.stringify({ ...spawned, host: door.host })], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let errors = '';
    let troubled = false;
    this.#child.stderr?.on('data', (part) => {
      errors = (errors + part).slice(-4_000);
    });
    this.#child.on('message', (message) => {
      const { streaming, running, fact, outcome, trouble } = message as Record<string, any>;
      if (streaming !== undefined) this.streaming = streaming;
      if (running !== undefined) this.running = running;
      if (fact !== undefined) events.fact({ ...fact, worker: spawned.worker });
      if (outcome !== undefined) events.outcome(outcome);
      if (trouble !== undefined) {
        troubled = true;
        errors += `${trouble}\n`;
      }
      events.changed(this);
    });
    const exit = new Promise<number | null>((resolve) => {
      this.#child.once('exit', resolve);
    });
    const silence = new Promise((resolve) => {
      this.#child.once('disconnect', resolve);
    });
    this.gone = Promise.all([exit, silence]).then(([code]) => {
      door.close();
      const own = code !== 0 || troubled ? `${spawned.worker} ended with ${code}: ${errors}` : undefined;
      events.ended(this, this.killed ? undefined : own);
    });
  }

  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void> {
    this.killed = true;
    this.#child.kill('SIGKILL');
    return this.gone;
  }
}
