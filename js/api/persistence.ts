import { TaskExecutionError } from '../errors.js';
import { checkId } from '../ids.js';
import { fromBase64, revived, revivedResult } from '../transcript.js';
import type {
  JournalEntry,
  Message,
  NewThreadMessage,
  Task,
  TaskHost,
  ThreadMessage,
  ToolResult,
  ToolResultRecord,
} from '../types.js';
import { Agent, agentOf, setAgent } from './agent.js';
import { optionalCountOf, optionsOf, plainOf, toolCallIdOf } from './arguments.js';
import { answerOf } from './lifecycle.js';

/** So many journal entries are read at a time. */
const journalPage = 100;

interface JournalPage {
  entries: JournalEntry[];
  /** What to go on after; null at the end. */
  next: number | null;
}

/** What a task has stored, and the few writes that are no commands. */
export class TaskPersistence {
  /** @throws TaskExecutionError INVALID_ARGUMENT */
  constructor(taskId: string, userId: string, options?: Partial<TaskHost>) {
    setAgent(this, new Agent(taskId, userId, options));
  }

  /** The task document; `execution.*` is filled in from the journal, and never written back. */
  load(): Promise<Task> {
    return agentOf(this).command('load');
  }

  /** Appends a message to the conversation; LEASE_HELD while a run owns the task. */
  async saveApiMessage(message: Message): Promise<void> {
    const plain = plainOf('message', message);
    refuseBrokenBytes(plain);
    await agentOf(this).command('saveApiMessage', { message: plain });
  }

  /** Gives a waiting call its result, as `answer()` does. */
  async saveToolResult(result: ToolResult): Promise<void> {
    const {
      toolCallId,
      result: value,
      error,
    } = optionsOf('result', result, ['toolCallId', 'result', 'error']);
    const id = toolCallIdOf(toolCallId);
    await agentOf(this).deposit('answer', { toolCallId: id, ...answerOf(value), error: error === true });
  }

  /** Adds a message to the thread that people read, and returns its id. It is not sent to the model. */
  async saveTaskMessage(message: NewThreadMessage): Promise<string> {
    return agentOf(this).command('saveTaskMessage', plainOf('message', message));
  }

  /** The conversation with the model. */
  async apiMessages(): Promise<Message[]> {
    return (await agentOf(this).command<Message[]>('apiMessages')).map(revived);
  }

  /** The results of tools, in the order in which they were stored. */
  async toolResults(): Promise<ToolResultRecord[]> {
    const records = await agentOf(this).command<ToolResultRecord[]>('toolResults');
    return records.map((record) => ({ ...record, content: revivedResult(record.content) }));
  }

  /** The thread by timestamp; `after` is a message's id. */
  async taskMessages(
    options: {
      /** The id of a message: those after it. Default: from the first. */
      after?: string | undefined;
      /** How many, at most. Default: all. */
      limit?: number | undefined;
    } = {},
  ): Promise<ThreadMessage[]> {
    const { after, limit: most } = optionsOf('options', options, ['after', 'limit']);
    if (after !== undefined) checkId('after', after);
    const limit = optionalCountOf('limit', most);
    return agentOf(this).command('taskMessages', {
      ...(after !== undefined && { after }),
      ...(limit !== undefined && { limit }),
    });
  }

  /** The journal's entries, from the first or after a `seq`. */
  async *journal(
    options: {
      /** A `seq`: entries after it. Default 0, from the first. */
      after?: number | undefined;
    } = {},
  ): AsyncIterable<JournalEntry> {
    let after: number | null = optionalCountOf('after', optionsOf('options', options, ['after']).after) ?? 0;
    while (after !== null) {
      const page: JournalPage = await agentOf(this).command('journal', { after, limit: journalPage });
      yield* page.entries;
      after = page.next;
    }
  }

  /** What a resume would go on from. */
  checkpoint(): Promise<{
    /** The last entry of the journal. */
    seq: number;
    /** How many runs have held the task. */
    epoch: number;
  }> {
    return agentOf(this).command('checkpoint');
  }

  /** Removes the task and all that belongs to it; `keepTask` leaves the task document. */
  async delete(
    options: {
      /** Leaves the task document: only what the engine keeps of it goes. Default false. */
      keepTask?: boolean | undefined;
    } = {},
  ): Promise<void> {
    await agentOf(this).command('delete', {
      keepTask: optionsOf('options', options, ['keepTask']).keepTask === true,
    });
  }
}

/** @throws TaskExecutionError INVALID_ARGUMENT for bytes, already in the core's form, that are no base64 */
function refuseBrokenBytes(message: object): void {
  for (const value of Object.values(message)) {
    if (value === null || typeof value !== 'object') continue;
    const { $bytes: base64 } = value;
    if (typeof base64 === 'string' && Object.keys(value).length === 1 && fromBase64(base64) === undefined) {
      const what = 'The message cannot be stored: its $bytes are no base64. Give bytes as Uint8Array.';
      throw new TaskExecutionError('INVALID_ARGUMENT', what, { details: { argument: 'message' } });
    }
    refuseBrokenBytes(value);
  }
}
