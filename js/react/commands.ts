import { lifecycleTable } from '../generated/lifecycle-table.js';
import type { TaskCommand, TaskStatus } from '../types.js';

/** What can be asked of a task as it stands: what would change nothing cannot. */
export type TaskPossibilities = Record<TaskCommand | 'send', boolean>;

/** What can be asked of a task. One that is in progress begins or goes on only where nobody runs it. */
export function possibilities(status: TaskStatus | undefined, unfinished: boolean): TaskPossibilities {
  const can = (command: TaskCommand) => status !== undefined && lifecycleTable[status][command].can;
  const mayRun = status !== 'in_progress' || unfinished;
  return {
    start: can('start') && mayRun,
    resume: can('resume') && mayRun,
    pause: can('pause'),
    stop: can('stop'),
    send: status !== undefined && status !== 'completed',
  };
}

/** Commands on the task, as the client has them. They settle when they are stored on the server. */
export interface TaskCommands {
  /** Begins the task and has it run on the server. */
  start(): Promise<void>;
  /** Ends a pause, a stop or a failure, and has the task run on the server. */
  resume(): Promise<void>;
  /** Settles when the pause is stored. */
  pause(): Promise<void>;
  /** Settles when the stop is stored. */
  stop(reason?: string): Promise<void>;
  /** The call waits no more on this page at once; it does again where the server cannot be told. */
  approve(
    toolCallId: string,
    options?: {
      /** Why, for whoever reads the journal; the model does not get it. */
      note?: string | undefined;
    },
  ): Promise<void>;
  /** Answers the model that the call was rejected; shown at once, like an approval. */
  reject(toolCallId: string, reason?: string): Promise<void>;
  /** Gives a waiting call its result; shown at once, like an approval. */
  answer(
    toolCallId: string,
    result: unknown,
    options?: {
      /** True: the model is told that the call failed. Default false. */
      error?: boolean | undefined;
    },
  ): Promise<void>;
  /** The message is in the thread at once, `pending`, and is taken out again where it cannot be sent. */
  send(message: string): Promise<void>;
  /** Deletes the task and all that belongs to it. */
  remove(): Promise<void>;
  /** Follows the task again after an error. */
  reconnect(): void;
}
