import type { TaskClient, TaskHandle } from '../client/client.js';
import { TaskExecutionError } from '../errors.js';
import type { TaskCommand } from '../types.js';
import { possibilities, type TaskCommands, type TaskPossibilities } from './commands.js';
import { Following } from './following.js';
import type { LiveTask, TaskProblem } from './live-task.js';
import { hasItem } from './plan.js';
import { type LocalAction, reduce, withInitial } from './reduce.js';
import { type InitialTask, nothingYet, type PageState } from './state.js';
import { viewOf } from './view.js';

/** What `useTask` returns. The same object as long as nothing has changed. */
export interface UsedTask extends LiveTask, TaskCommands {
  /** The task's id. */
  readonly id: string;
  /** False where the server has not been heard of for more than two seconds. */
  connected: boolean;
  /** The command of this page that is under way. */
  busy: TaskCommand | undefined;
  /** What can be asked of it now. */
  can: TaskPossibilities;
}

/** What `useTask` takes. */
export interface UseTaskOptions {
  /** What a server component has read, for the first HTML. */
  initial?: InitialTask | undefined;
  /** Of how many entries of the journal before now the calls are shown, at most 1,000. Default 200. */
  history?: number | undefined;
}

/** Text comes in pieces of a few letters: pages are drawn for them so often, in milliseconds. */
const drawMs = 40;
/** Followed on for so long after nobody looks any more: a page that changes its parts looks again at once. */
const lingerMs = 1_000;

/** One task, followed once for all parts of a page that show it. */
export class TaskStore {
  readonly #task: TaskHandle;
  readonly #history: number;
  readonly #onIdle: () => void;
  readonly #listeners = new Set<() => void>();
  #state: PageState = nothingYet;
  #last: { state: PageState; view: LiveTask } | undefined;
  #shown: UsedTask | undefined;
  #connected = true;
  #busy: TaskCommand | undefined;
  #following: Following | undefined;
  #drawing: ReturnType<typeof setTimeout> | undefined;
  #lingering: ReturnType<typeof setTimeout> | undefined;
  #sends = 0;
  readonly #commands: TaskCommands;
  /** What the first HTML shows, and has to show again when the page takes it over. */
  readonly serverView: UsedTask;

  constructor(client: TaskClient, id: string, options: UseTaskOptions = {}, onIdle: () => void = () => {}) {
    this.#task = client.task(id);
    this.#history = options.history ?? 200;
    this.#onIdle = onIdle;
    this.#commands = this.#makeCommands();
    if (options.initial !== undefined) this.#state = withInitial(nothingYet, options.initial);
    this.serverView = this.view();
  }

  /** What is shown now. */
  readonly view = (): UsedTask => {
    if (this.#shown !== undefined) return this.#shown;
    const view = viewOf(this.#state, this.#last);
    this.#last = { state: this.#state, view };
    this.#shown = {
      id: this.#task.id,
      ...view,
      ...this.#commands,
      connected: this.#connected,
      busy: this.#busy,
      can: possibilities(view.status, view.unfinished),
    };
    return this.#shown;
  };

  /** Follows the task as long as there are listeners. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    clearTimeout(this.#lingering);
    this.#follow();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#lingering);
      this.#lingering = setTimeout(() => this.#leave(), lingerMs);
    };
  };

  #leave(): void {
    this.#following?.close();
    this.#following = undefined;
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    this.#onIdle();
  }

  #follow(): void {
    this.#following ??= new Following(this.#task, this.#history, {
      event: (event) => {
        this.#state = reduce(this.#state, event);
        if (event.type === 'task:progress_update' && !hasItem(this.#state.plan, event.item.id))
          this.#readPlan();
        if (event.type === 'task:stopped' && event.reason === 'external_status') this.#readState();
        // Facts at once, pieces of text together.
        if ('id' in event || event.type === 'snapshot') this.#draw();
        else this.#drawSoon();
      },
      connected: (isConnected) => {
        if (this.#connected === isConnected) return;
        this.#connected = isConnected;
        this.#draw();
      },
      ended: () => this.#readState(),
      lost: (thrown) => this.#do({ type: 'lost', problem: problemOf(thrown) }),
    });
    this.#following.wake();
  }

  /** Others have written items that this page has not heard of. */
  #readPlan(): void {
    if (this.#state.plan?.milestones.length === 0) return;
    this.#readState();
  }

  /** Where the task stands: no fact tells what others have written into its document. */
  #readState(): void {
    this.#task.state().then(
      (state) => this.#do({ type: 'found', state }),
      // The next such event asks again.
      (thrown: unknown) => console.warn('The state of the task could not be read.', thrown),
    );
  }

  #do(action: LocalAction): void {
    this.#state = reduce(this.#state, action);
    this.#draw();
  }

  #drawSoon(): void {
    this.#drawing ??= setTimeout(() => this.#draw(), drawMs);
  }

  #draw(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    this.#shown = undefined;
    for (const listener of this.#listeners) listener();
  }

  #makeCommands(): TaskCommands {
    const task = this.#task;
    return {
      start: () => this.#command('start', () => task.start()),
      resume: () => this.#command('resume', () => task.resume()),
      pause: () => this.#command('pause', () => task.pause()),
      stop: (reason) =>
        this.#command('stop', () => task.stop(typeof reason === 'string' ? reason : undefined)),
      approve: (id, options) => this.#decide(id, () => task.approve(id, options)),
      reject: (id, reason) => this.#decide(id, () => task.reject(id, reason)),
      answer: (id, result, options) => this.#decide(id, () => task.answer(id, result, options)),
      send: (message) => this.#send(message),
      remove: () => task.delete(),
      reconnect: () => {
        this.#do({ type: 'lost', problem: undefined });
        this.#following?.again();
      },
    };
  }

  async #command(name: TaskCommand, give: () => Promise<void>): Promise<void> {
    this.#busy = name;
    this.#draw();
    try {
      await give();
      // The events of one that had ended have ended too.
      this.#following?.wake();
    } finally {
      if (this.#busy === name) this.#busy = undefined;
      this.#draw();
    }
  }

  async #decide(toolCallId: string, give: () => Promise<void>): Promise<void> {
    this.#do({ type: 'deciding', toolCallId });
    try {
      await give();
    } catch (thrown) {
      const isDecided = TaskExecutionError.is(thrown) && thrown.code === 'ALREADY_DECIDED';
      if (!isDecided) this.#do({ type: 'undecided', toolCallId });
      throw thrown;
    }
  }

  async #send(content: string): Promise<void> {
    this.#sends += 1;
    const key = `sent-${this.#sends}`;
    this.#do({ type: 'sending', key, content, at: new Date().toISOString() });
    try {
      await this.#task.send(content);
      this.#following?.wake();
    } catch (thrown) {
      this.#do({ type: 'unsent', key });
      throw thrown;
    }
  }
}

/** An error for people to read and for pages to branch on. */
export function problemOf(thrown: unknown): TaskProblem {
  if (TaskExecutionError.is(thrown)) {
    const { code, message, retryable } = thrown;
    return { code, message, retryable };
  }
  return { code: 'ENGINE_PANIC', message: String(thrown), retryable: false };
}
