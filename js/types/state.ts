import type { TaskExecutionError } from '../errors.js';
import type { Milestone, TaskItem, TaskStatus } from './task.js';
import type { WaitingCall } from './tool.js';

/** Tokens, summed over every attempt. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  cacheReadInputTokens: number;
  cacheWriteInputTokens: number;
  /** Attempts that ended before the provider said what they cost. */
  unreported: number;
}

/** How far the plan is, the same for both shapes of the document. `overall` is a percentage, 0 to 100. */
export interface Progress {
  overall: number;
  milestones: Milestone[];
  /** Items by the id of their milestone. */
  tasks: Record<string, TaskItem[]>;
}

/** What `state()` says. */
export interface TaskState {
  status: TaskStatus;
  /** The last journal entry; 0 before the first. */
  seq: number;
  /** The item at work. */
  item?: { id: string; name: string; milestoneId?: string };
  progress: Progress;
  usage: Usage;
  /** Calls that wait for a person. */
  waiting: WaitingCall[];
  /** Who runs the task, and how many milliseconds ago it was last heard of, where the store can tell. */
  owner?: { id: string; ageMs?: number };
  /** In progress without an owner: someone should call `run()`. */
  unfinished: boolean;
}

/** How a run ended. */
export type TaskOutcome = {
  /** The assistant's last text, of an earlier run where this one has none. */
  text: string;
  /** Of the whole task. */
  usage: Usage;
  /** The items that the engine has completed, each with its closing text, those of earlier runs included. */
  items: { id: string; text: string }[];
  reason?: string;
  /** In progress without an owner: someone should call `run()` again. */
  unfinished: boolean;
} & (
  | { status: 'completed' | 'paused' | 'stopped' | 'yielded' | 'superseded' }
  | { status: 'failed' | 'interrupted' | 'refused'; error: TaskExecutionError }
);

/** A message for the thread that people read. It is not sent to the model: that is `send()`. */
export interface NewThreadMessage {
  role: 'user' | 'assistant' | 'system';
  content: string;
  metadata?: object | undefined;
}

/** A message of the thread. `timestamp` is ISO 8601 and tells the order. */
export interface ThreadMessage extends NewThreadMessage {
  id: string;
  task_id: string;
  timestamp: string;
}

/** One entry of the journal, its JSON parsed and its continuations joined. */
export interface JournalEntry {
  seq: number;
  epoch: number;
  write_id: string;
  /** ISO 8601. */
  at: string;
  kinds: string[];
  data: object;
}
