import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));
const cli = join(root, 'pkg/cli.js');
export const sample: string = fileURLToPath(new URL('../../pkg/demo/sample', import.meta.url));

/** How a run of the demo ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

/** A run of the demo, with what it has printed so far. */
export interface Run {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** Settles with the match once the output has it; rejects when the run ends without. */
  seen(pattern: RegExp): Promise<RegExpExecArray>;
}

/** A directory of its own for one task. */
export class Place {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'task-execution-engine-demo-'));
  readonly #children: ChildProcess[] = [];

  /** Starts the command without a terminal. */
  begin(args: string[]): Run {
    return this.#watch(spawn(process.execPath, [cli, ...args], { cwd: this.directory }));
  }

  /** Starts the command in a terminal made by `script`; what is written to the child is typed there. */
  beginInTerminal(args: string[], columns = 100): Run {
    const words = [process.execPath, cli, ...args].map((word) => `'${word}'`).join(' ');
    const command = `stty rows 40 columns ${columns}; exec ${words}`;
    const env = { ...process.env, TERM: 'xterm' };
    return this.#watch(spawn('script', ['-qec', command, '/dev/null'], { cwd: this.directory, env }));
  }

  run(...args: string[]): Promise<Ended> {
    return this.begin(args).ended;
  }

  report(): string {
    return readFileSync(join(this.directory, 'report.md'), 'utf8');
  }

  remove(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }

  #watch(child: ChildProcess): Run {
    this.#children.push(child);
    let output = '';
    const waiting = new Set<() => void>();
    const take = (chunk: Buffer) => {
      output += chunk.toString('utf8');
      for (const look of waiting) look();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal, output }));
    });
    const seen = (pattern: RegExp) =>
      new Promise<RegExpExecArray>((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output);
          if (match === null) return;
          waiting.delete(look);
          resolve(match);
        };
        waiting.add(look);
        look();
        ended.then(() => reject(new Error(`it ended without ${pattern}:\n${output}`)), reject);
      });
    return { child, ended, seen };
  }
}
