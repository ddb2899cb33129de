/** A process that gives commands from elsewhere, as the campaign sees it. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Command, commandBoundMs, slackMs } from './numbers.js';
import type { Door } from './proxy.js';
import type { StoreOfProcess } from './worker.js';

/** How a command settled. */
export interface Given {
  command: Command;
  args: unknown[];
  /** What it was refused with; 'killed' where the process that gave it died, 'unsettled' where nothing was heard. */
  code?: string;
  message?: string;
  value?: unknown;
  /** When it settled, and after how many milliseconds, by the process that gave it. */
  at: number;
  ms: number;
}

const script = fileURLToPath(new URL('./commander.mjs', import.meta.url));

export class Commander {
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  readonly #ready: Promise<unknown>;
  #id = 0;

  constructor(
    ids: { taskId: string; userId: string },
    store: StoreOfProcess,
    runOptions: object,
    door: Door | undefined,
  ) {
    this.#child = fork(script, [JSON.stringify({ ...ids, store, runOptions })], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.setMaxListeners(0);
    this.#ready = new Promise((resolve) => this.#child.once('message', resolve));
    this.gone = new Promise((resolve) => {
      this.#child.once('exit', () => {
        door?.close();
        resolve();
      });
    });
  }

  /** Settles however the command does. */
  async give(command: Command, args: unknown[]): Promise<Given> {
    await Promise.race([this.#ready, this.gone]);
    const begun = Date.now();
    const id = ++this.#id;
    const given = { command, args, at: begun, ms: 0 };
    return new Promise((resolve) => {
      const settle = (how: Partial<Given>) => {
        clearTimeout(late);
        this.#child.off('message', heard);
        resolve({ ...given, at: Date.now(), ms: Date.now() - begun, ...how });
      };
      const heard = (message: unknown) => {
        const { id: other, ...how } = message as Partial<Given> & { id?: number };
        if (other === id) settle(how);
      };
      const late = setTimeout(() => settle({ code: 'unsettled' }), 2 * (commandBoundMs + slackMs));
      this.#child.on('message', heard);
      void this.gone.then(() => settle({ code: 'killed' }));
      if (this.#child.connected) this.#child.send({ id, command, args });
    });
  }

  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    return this.gone;
  }
}
