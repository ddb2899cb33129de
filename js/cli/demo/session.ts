import type { TaskExecutor } from '../../index.js';
import type { TaskEvent, TaskEventName, TaskOutcome } from '../../types.js';
import { exitCodes } from '../exit.js';
import type { Controls, Display } from './display.js';

const eventNames = [
  'task:started',
  'task:resumed',
  'task:paused',
  'task:stopped',
  'task:completed',
  'task:message',
  'task:message_saved',
  'task:tool_call',
  'task:tool_result',
  'task:approval_required',
  'task:progress_update',
  'task:usage',
  'task:retry',
  'task:error',
  'task:run_ended',
] as const satisfies TaskEventName[];

/** What a person wants of a task that is paused. */
type Wish = 'resume' | 'stop' | 'quit';

/** How the session ended; the task may have been stopped after its last run. */
export type Ending = TaskOutcome | { status: 'stopped' };

/** Runs a task and hands it to a person in between. */
export class Session {
  readonly #executor: TaskExecutor;
  readonly #display: Display;
  /** Whether someone is there who could resume. */
  readonly #attended: boolean;
  #quitting = false;
  #wish: ((wish: Wish) => void) | undefined;

  readonly controls: Controls;

  constructor(
    executor: TaskExecutor,
    attended: boolean,
    makeDisplay: (controls: Controls) => Display,
    onEvent: (event: TaskEvent) => void,
  ) {
    this.#executor = executor;
    this.#attended = attended;
    this.controls = {
      pause: () => this.#pause(),
      resume: () => this.#wish?.('resume'),
      stop: () => this.#stop(),
      quit: () => this.#quit(),
      decide: (call, approved) => {
        this.#attempt(
          approved
            ? executor.approve(call.id)
            : executor.reject(call.id, 'the person at the terminal said no'),
        );
      },
    };
    this.#display = makeDisplay(this.controls);
    for (const type of eventNames) {
      executor.on(type, (payload: object) => {
        const event = { type, ...payload } as TaskEvent;
        onEvent(event);
        this.#display.event(event);
      });
    }
  }

  /** Runs, and runs again as long as a person resumes. Rejects where the task could not begin. */
  async run(): Promise<Ending> {
    for (;;) {
      this.#display.state('running');
      await this.#executor.start();
      const { outcome } = this.#executor;
      if (outcome === undefined) throw new Error('The run ended without an outcome.');
      if (outcome.status !== 'paused' || this.#quitting || !this.#attended) return outcome;
      this.#display.state('paused');
      const wish = await new Promise<Wish>((resolve) => {
        this.#wish = resolve;
      });
      this.#wish = undefined;
      if (wish === 'quit') return outcome;
      if (wish === 'stop') {
        await this.#executor.stop();
        return { status: 'stopped' };
      }
    }
  }

  say(line: string): void {
    this.#display.say(line);
  }

  close(): void {
    this.#display.close();
  }

  #pause(): void {
    if (!this.#executor.isRunning) return;
    this.#display.state('pausing');
    this.#attempt(this.#executor.pause());
  }

  #stop(): void {
    if (this.#wish) {
      this.#wish('stop');
    } else {
      this.#display.state('stopping');
      this.#attempt(this.#executor.stop());
    }
  }

  #quit(): void {
    if (this.#quitting) {
      this.#display.close();
      process.exit(exitCodes.interrupted);
    }
    this.#quitting = true;
    if (this.#wish) this.#wish('quit');
    else this.#pause();
  }

  #attempt(command: Promise<void>): void {
    command.catch((error: unknown) =>
      this.#display.say(error instanceof Error ? error.message : String(error)),
    );
  }
}
