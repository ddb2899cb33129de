/** A worker process as the campaign sees it: what it says of itself, and the way it takes to the store. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Phase, StopKind } from './numbers.js';
import type { CommitWatcher, Door } from './proxy.js';

/** What a worker announced as stored. */
export interface Fact {
  seq: number;
  epoch: number;
  worker: string;
  /** When that was heard. */
  at: number;
}

export interface Outcome {
  status: string;
  reason?: string;
  code?: string;
  message?: string;
  /** It does not go on before it is told how. */
  waits: boolean;
}

/** What a process needs to open its store. */
export type StoreOfProcess =
  | { kind: 'sqlite'; file: string }
  | { kind: 'rest' | 'sdk'; projectId: string; host: string; timeoutMs: number };

export interface Spawned {
  taskId: string;
  userId: string;
  worker: string;
  effects: string;
  store: StoreOfProcess;
  runOptions: object;
}

export interface WorkerEvents {
  changed(worker: Worker): void;
  fact(fact: Fact): void;
  outcome(worker: Worker, outcome: Outcome): void;
  /** The process has ended and everything that it said has been heard. `trouble` where it ended of itself. */
  ended(worker: Worker, trouble: string | undefined): void;
}

/** A stop of a worker beyond its lease. */
export interface Stop {
  phase: Phase;
  kind: StopKind;
  worker: string;
  /** Of the task, before it was stopped and before it went on. */
  epochs: [number, number];
  wentOnAt: number;
}

const script = fileURLToPath(new URL('./worker.mjs', import.meta.url));

/** Every process of the campaign that may be stopped: SIGKILL ends them too. */
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
// the test runner has died
process.once('disconnect', () => process.exit(1));

export class Worker {
  committing = false;
  streaming = false;
  /** Executions of tools that run. */
  running = 0;
  killed = false;
  /** Told to resume, and it has not shown yet what came of it. */
  resuming = false;
  waits = false;
  /** Resolves when the process has ended. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;

  constructor(
    readonly spawned: Spawned,
    door: Door | undefined,
    events: WorkerEvents,
  ) {
    this.#child = fork(script, [JSON.stringify(spawned)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    children.add(this.#child);
    let errors = '';
    let troubled = false;
    this.#child.stderr?.on('data', (part) => {
      errors = (errors + part).slice(-4_000);
    });
    this.#child.on('message', (message) => {
      const { committing, streaming, running, fact, outcome, trouble } = message as Record<string, any>;
      if (committing !== undefined) this.committing = committing;
      if (streaming !== undefined) this.streaming = streaming;
      if (running !== undefined) this.running = running;
      if (fact !== undefined) {
        this.resuming = false;
        events.fact({ ...fact, worker: spawned.worker, at: Date.now() });
      }
      if (outcome !== undefined) {
        this.waits = outcome.waits;
        events.outcome(this, outcome);
      }
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
      children.delete(this.#child);
      door?.close();
      const own = code !== 0 || troubled ? `${spawned.worker} ended with ${code}: ${errors}` : undefined;
      events.ended(this, this.killed ? undefined : own);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  isIn(phase: Phase): boolean {
    if (phase === 'committing') return this.committing;
    return phase === 'streaming' ? this.streaming : this.running > 0;
  }

  /** A worker that waits goes on. */
  go(command: 'run' | 'resume'): void {
    this.waits = false;
    this.resuming = command === 'resume';
    if (this.#child.connected) this.#child.send({ go: command });
  }

  /** SIGSTOP. */
  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  /** SIGCONT. */
  continue(): void {
    this.#child.kill('SIGCONT');
  }

  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void> {
    this.killed = true;
    this.#child.kill('SIGKILL');
    return this.gone;
  }
}

/** Nobody looks at the commits of these. */
export const unwatched: CommitWatcher = {
  arrived: async () => false,
  answered: async () => false,
};
