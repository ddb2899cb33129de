import { isContent, messageOf, resultJson } from '../content.js';
import { TaskExecutionError } from '../errors.js';
import { lifecycleTable } from '../generated/lifecycle-table.js';
import type {
  RunOptions,
  TaskCommand,
  TaskEvent,
  TaskHost,
  TaskState,
  TaskStatus,
  ToolContent,
} from '../types.js';
import { notStored } from './active-run.js';
import { Agent, agentOf, setAgent } from './agent.js';
import {
  cursorOf,
  optionalSignalOf,
  optionalTextOf,
  optionsOf,
  readFrom,
  textOf,
  toolCallIdOf,
} from './arguments.js';
import { TaskEmitter } from './emitter.js';
import { type EventsOptions, followTask } from './events.js';

type Cell = { can: boolean; next: TaskStatus } | { can: false; error: { message: string; details: object } };

/** Every command on a task and every read of it; runs nothing. */
export class TaskLifecycle extends TaskEmitter {
  /** The task's id. */
  readonly taskId: string;
  /** Whose task it is. */
  readonly userId: string;

  /**
   * Checks the ids and nothing else: the host is looked up at the first command.
   *
   * @throws TaskExecutionError INVALID_ARGUMENT
   */
  constructor(taskId: string, userId: string, options?: Partial<TaskHost> & RunOptions) {
    super();
    setAgent(this, new Agent(taskId, userId, options, this));
    this.taskId = taskId;
    this.userId = userId;
  }

  /** The stored status as last seen committed. */
  get status(): TaskStatus | undefined {
    return agentOf(this).status;
  }

  /** Begins the task, or goes on with it, and leaves the running to `run()`. Settles when that is stored. */
  async start(): Promise<void> {
    await beginOnly(this, 'start');
  }

  /** Settles when the pause is stored. */
  async pause(): Promise<void> {
    await agentOf(this).interrupt('pause');
  }

  /** Ends a pause, a stop or a failure, and leaves the running to `run()`. Settles when that is stored. */
  async resume(): Promise<void> {
    await beginOnly(this, 'resume');
  }

  /** Settles when the stop is stored. `reason` is stored and announced; anything but text counts as none. */
  async stop(reason?: string): Promise<void> {
    // A stop that is bound as a listener gets whatever its event carries, and must stop the task all the same.
    await agentOf(this).interrupt('stop', typeof reason === 'string' ? reason : undefined);
  }

  /** Lets a waiting call run. */
  async approve(
    toolCallId: string,
    options: {
      /** Why, for whoever reads the journal; the model does not get it. */
      note?: string | undefined;
    } = {},
  ): Promise<void> {
    const note = optionalTextOf('note', optionsOf('options', options, ['note']).note);
    const id = toolCallIdOf(toolCallId);
    await agentOf(this).deposit('approve', { toolCallId: id, ...(note !== undefined && { note }) });
  }

  /** Answers the model that the call was rejected. */
  async reject(toolCallId: string, reason?: string): Promise<void> {
    const text = optionalTextOf('reason', reason);
    const id = toolCallIdOf(toolCallId);
    await agentOf(this).deposit('reject', { toolCallId: id, ...(text !== undefined && { reason: text }) });
  }

  /** Gives a waiting call its result. */
  async answer(
    toolCallId: string,
    result: unknown,
    options: {
      /** True: the model is told that the call failed. Default false. */
      error?: boolean | undefined;
    } = {},
  ): Promise<void> {
    const error = optionsOf('options', options, ['error']).error === true;
    await agentOf(this).deposit('answer', {
      toolCallId: toolCallIdOf(toolCallId),
      ...answerOf(result),
      error,
    });
  }

  /**
   * Sends the model a message of the user: text, or `content(…)` with images and documents, of which the thread shows the
   * text and a placeholder for each other block.
   */
  async send(message: string | ToolContent): Promise<void> {
    const args = isContent(message)
      ? readFrom('text', () => messageOf(message))
      : { text: textOf('text', message) };
    await agentOf(this).deposit('send', args);
  }

  /** Where the task stands. */
  async state(): Promise<TaskState> {
    return agentOf(this).command<TaskState>('state');
  }

  /**
   * The task's events: facts whichever process runs it, live events where it runs here, and the text of a run elsewhere
   * that stores it (`liveMs`). From its first step on, or after a cursor (`event.id`; '0' is the very first); the text so
   * far of a turn under way comes at once. Ends by `signal` or `return()`, which are heard at once, when the process or
   * the engine is drained, and with `until: 'ended'` once the task is completed or failed. While the store cannot be reached it goes on trying, and tells the host's logger;
   * what another try cannot help is thrown as a TaskExecutionError.
   *
   * Where the task runs in another process, one watch of the journal tells when to look, and while it is in progress one
   * of the live text: nothing is read while nothing happens. A store that cannot watch is looked at each second, and more seldom the longer nothing happens: every ten
   * seconds at last. Before its first step a loop holds nothing, and waiting does not keep Node alive.
   */
  events(options: EventsOptions = {}): AsyncIterable<TaskEvent> {
    const { after, signal, until } = optionsOf('options', options, ['after', 'signal', 'until']);
    if (until !== undefined && until !== 'ended') {
      throw new TaskExecutionError('INVALID_ARGUMENT', "until must be 'ended', or be left out.", {
        details: { argument: 'until' },
      });
    }
    return followTask(agentOf(this), {
      after: cursorOf('after', after),
      signal: optionalSignalOf(signal),
      until,
    });
  }

  /** Whether the command would change anything; false for a no-op and for what is invalid. */
  static can(from: TaskStatus, command: TaskCommand): boolean {
    return cellOf(from, command).can;
  }

  /**
   * The status after the command; `from` itself for a no-op.
   *
   * @throws TaskExecutionError INVALID_TRANSITION
   */
  static next(from: TaskStatus, command: TaskCommand): TaskStatus {
    const cell = cellOf(from, command);
    if ('next' in cell) return cell.next;
    throw new TaskExecutionError('INVALID_TRANSITION', cell.error.message, {
      details: { ...cell.error.details },
    });
  }
}

function cellOf(from: TaskStatus, command: TaskCommand): Cell {
  const table = lifecycleTable as Record<string, Record<string, Cell> | undefined>;
  const row = Object.hasOwn(table, from) ? table[from] : undefined;
  const cell = row !== undefined && Object.hasOwn(row, command) ? row[command] : undefined;
  if (cell === undefined) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      `There is no status '${from}' with a command '${command}'.`,
    );
  }
  return cell;
}

/** Joins a run that is under way; else a run that only begins settles when it has ended. */
async function beginOnly(owner: TaskLifecycle, intent: 'start' | 'resume'): Promise<void> {
  const run = await agentOf(owner).begin(intent, false);
  await run.started;
  if (run.drives && run.opening === undefined) return;
  const outcome = await run.outcome;
  if ('error' in outcome) throw outcome.error;
  if (run.opening !== undefined && outcome.status === 'yielded') throw notStored(outcome);
}

/** @throws TaskExecutionError INVALID_ARGUMENT where JSON cannot say the result */
export function answerOf(result: unknown): { result?: unknown } {
  const written = resultJson(result);
  if (!written.ok)
    throw new TaskExecutionError('INVALID_ARGUMENT', `The result cannot be stored: ${written.reason}.`);
  return written.json === undefined ? {} : { result: JSON.parse(written.json) };
}
