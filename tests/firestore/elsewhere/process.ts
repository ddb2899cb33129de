import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Project } from '../sdk/databases.js';

/** A task that runs in another process. */
export interface Elsewhere {
  /** Settles at the first event of that type, which may have come already. */
  event(type: string): Promise<Record<string, any>>;
  outcome(): Promise<Record<string, any>>;
  kill(): Promise<void>;
}

export function runElsewhere(
  adapter: string,
  { host, projectId }: Project,
  taskId: string,
  script: string,
): Elsewhere {
  const program = fileURLToPath(new URL('./runner.mjs', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [program, adapter, host, projectId, taskId, script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const events: Record<string, any>[] = [];
  const waiting = new Set<() => void>();
  let complaint = '';
  let ended = false;
  child.stderr?.on('data', (part) => {
    complaint += part;
  });
  const wake = () => {
    for (const look of waiting) look();
  };
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    events.push(JSON.parse(line));
    wake();
  });
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => {
      ended = true;
      wake();
      resolve();
    });
  });
  const event = (type: string) =>
    new Promise<Record<string, any>>((resolve, reject) => {
      const look = () => {
        const found = events.find((event) => event.type === type);
        if (found !== undefined) {
          waiting.delete(look);
          resolve(found);
        } else if (ended) {
          waiting.delete(look);
          reject(new Error(`the runner ended without ${type}: ${JSON.stringify(events)}\n${complaint}`));
        }
      };
      waiting.add(look);
      look();
    });
  return {
    event,
    outcome: () => event('outcome'),
    kill: () => {
      child.kill('SIGKILL');
      return gone;
    },
  };
}
