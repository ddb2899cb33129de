/** Processes of the fleet tests: started with what they need, watched, and ended by their own pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));
export const worldModule: string = fileURLToPath(new URL('./world.mjs', import.meta.url));
const cli = fileURLToPath(new URL('../../pkg/cli.js', import.meta.url));

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

/** Whatever has not ended when the test runner does. */
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** A process with what it has printed so far. */
export class Process {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  output = '';
  isOver = false;
  readonly #waiting = new Set<() => void>();

  constructor(command: string, args: string[], env: Record<string, string> = {}, cwd = root) {
    this.child = spawn(command, args, {
      cwd,
      env: { ...process.env, METADATA_SERVER_DETECTION: 'none', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(this.child);
    const take = (part: Buffer) => {
      this.output += part.toString('utf8');
      for (const look of this.#waiting) look();
    };
    this.child.stdout?.on('data', take);
    this.child.stderr?.on('data', take);
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        children.delete(this.child);
        this.isOver = true;
        for (const look of this.#waiting) look();
        resolve({ code, signal, output: this.output });
      });
    });
    this.ended.catch(() => {});
  }

  /** Settles with the match once it has printed it; rejects where it ends without. */
  seen(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.output);
        if (match === null && !this.isOver) return;
        this.#waiting.delete(look);
        if (match !== null) resolve(match);
        else reject(new Error(`it ended without ${pattern}:\n${this.output}`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** SIGKILL, which also ends a process that was stopped. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** What world.mjs is told. */
export interface World {
  store: object;
  effects?: string;
  worker?: string;
  defaults?: object;
  /** So many requests to the model fail. */
  failFirst?: number;
}

/** `task-execution-engine work`. */
export function startWorker(world: World, args: string[] = [], config: string = worldModule): Process {
  const words = [cli, 'work', '--config', config, '--every', '0.2', ...args];
  return new Process(process.execPath, words, { FLEET: JSON.stringify(world) });
}

/** The same in a terminal made by `script`. */
export function startWorkerInTerminal(world: World, args: string[] = []): Process {
  const words = [process.execPath, cli, 'work', '--config', worldModule, '--every', '0.2', ...args];
  const command = `stty rows 30 columns 100; exec ${words.map((word) => `'${word}'`).join(' ')}`;
  return new Process('script', ['-qec', command, '/dev/null'], {
    FLEET: JSON.stringify(world),
    TERM: 'xterm',
    // also where CI is set, which counts as a terminal without colours
    FORCE_COLOR: '1',
  });
}

/** Until it is true, asked ten times a second. */
export async function eventually(
  what: string,
  is: () => Promise<boolean> | boolean,
  ms = 40_000,
): Promise<void> {
  const until = Date.now() + ms;
  while (!(await is())) {
    if (Date.now() > until) throw new Error(`${what}: not within ${ms / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const workers = { node: 'restate-worker.mjs', lambda: 'lambda-worker.mjs', fetch: 'fetch-worker.mjs' };

/** A worker that Restate pushes to. */
export function spawnRestateWorker(world: World, serve: object, on: keyof typeof workers = 'node'): Process {
  const env = { FLEET: JSON.stringify(world), SERVE: JSON.stringify(serve), RESTATE_LOGGING: 'ERROR' };
  return new Process(process.execPath, [join(import.meta.dirname, workers[on])], env);
}

/** The same, once it serves. */
export async function startRestateWorker(...of: Parameters<typeof spawnRestateWorker>): Promise<Process> {
  const worker = spawnRestateWorker(...of);
  await worker.seen(/serving on \d+/);
  return worker;
}
