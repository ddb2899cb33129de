import type { TaskExecutionError } from '../errors.js';
import type { Milestone, TaskItem, TaskStatus } from './task.js';
import type { WaitingCall } from './tool.js';

/** Tokens, summed over every attempt. */
export interface Usage {
  /** What was sent, without what the cache read and wrote. */
  inputTokens: number;
  /** What the model wrote. */
  outputTokens: number;
  /** All of them, as the provider counts. */
  totalTokens: number;
  /** What came out of the prompt cache. */
  cacheReadInputTokens: number;
  /** What went into the prompt cache. */
  cacheWriteInputTokens: number;
  /** Attempts that ended before the provider said what they cost. */
  unreported: number;
}

/** How far the plan is, the same for both shapes of the document. `overall` is a percentage, 0 to 100. */
export interface Progress {
  /** Percent, 0 to 100. */
  overall: number;
  /** As the task document has them, brought up to date. */
  milestones: Milestone[];
  /** Items by the id of their milestone. */
  tasks: Record<string, TaskItem[]>;
}

/** What `state()` says. */
export interface TaskState {
  /** The stored status. */
  status: TaskStatus;
  /** The last journal entry; 0 before the first. */
  seq: number;
  /** The item at work. */
  item?: {
    /** Its id. */
    id: string;
    /** What people call it. */
    name: string;
    /** Of its milestone, where it has one. */
    milestoneId?: string;
  };
  /** How far the plan is. */
  progress: Progress;
  /** Tokens of the whole task. */
  usage: Usage;
  /** Calls that wait for a person. */
  waiting: WaitingCall[];
  /** Who runs the task, and how many milliseconds ago it was last heard of, where the store can tell. */
  owner?: {
    /** Of the run. */
    id: string;
    /** Milliseconds since it renewed its lease. */
    ageMs?: number;
  };
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
  items: {
    /** The item's id. */
    id: string;
    /** What the model said last about it. */
    text: string;
  }[];
  /** The caller's text, or the limit or signal that ended the run. */
  reason?: string;
  /** In progress without an owner: someone should call `run()` again. */
  unfinished: boolean;
} & (
  | {
      /** How it ended, well. */
      status: 'completed' | 'paused' | 'stopped' | 'yielded' | 'superseded';
    }
  | {
      /** How it ended, badly; `refused` could not begin. */
      status: 'failed' | 'interrupted' | 'refused';
      /** What went wrong. */
      error: TaskExecutionError;
    }
);

/** A message for the thread that people read. It is not sent to the model: that is `send()`. */
export interface NewThreadMessage {
  /** Who says it. */
  role: 'user' | 'assistant' | 'system';
  /** The text. */
  content: string;
  /** The app's own. */
  metadata?: object | undefined;
}

/** A message of the thread. `timestamp` is ISO 8601 and tells the order. */
export interface ThreadMessage extends NewThreadMessage {
  /** Of the document; opaque. */
  id: string;
  /** Which task. */
  task_id: string;
  /** ISO 8601; tells the order. */
  timestamp: string;
}

/** One entry of the journal, its JSON parsed and its continuations joined. */
export interface JournalEntry {
  /** Its number, from 1. */
  seq: number;
  /** Of the run that stored it. */
  epoch: number;
  /** Of the commit that stored it. */
  write_id: string;
  /** ISO 8601. */
  at: string;
  /** The kinds of its facts, in order. */
  kinds: string[];
  /** Its facts, and how much active time they took. */
  data: object;
}
