import type { TaskErrorCode } from '../errors.js';
import type {
  Progress,
  TaskState,
  TaskStatus,
  ThreadMessage,
  ToolResultContentBlock,
  Usage,
  WaitingCall,
} from '../types.js';

/** A message of the thread, as a page shows it. */
export interface LiveMessage {
  /** The message's id. */
  id: string;
  /** Who says it. */
  role: ThreadMessage['role'];
  /** Its text. */
  content: string;
  /** ISO 8601. */
  timestamp: string;
  /** What the app stored with it. */
  metadata?: object | undefined;
  /** What the model thought before it, as far as this page has seen it stream. */
  reasoning?: string;
  /** Sent from this page, and not yet taken in by the task. */
  pending?: true;
}

/** A call of a tool, as a page shows it. */
export interface LiveTool {
  /** The call's id: what `approve`, `reject` and `answer` take. */
  id: string;
  /** The tool's name. */
  name: string;
  /** Absent while the model writes it. */
  input?: object;
  /** The input as JSON text, as far as it has come, while the model writes it. */
  inputText?: string;
  /**
   * `writing`: the model writes its input. `waiting`: for a person. `interrupted`: the task is not at work, and the call has
   * no result. `unknown`: nobody knows what it did.
   */
  status: 'writing' | 'waiting' | 'running' | 'interrupted' | 'done' | 'failed' | 'unknown';
  /** What it reports of itself while it runs: a text, or a number from 0 to 1. */
  progress?: string | number;
  /** What it brought. */
  content?: ToolResultContentBlock[];
  /** What the model thought before it called, where it said nothing, as far as this page has seen it stream. */
  reasoning?: string;
}

/** What the model says at the moment. */
export interface LiveText {
  /** Absent as long as it only thinks. */
  messageId?: string;
  /** From 1 on; a greater one takes back what the one before has said. */
  attempt: number;
  /** Where in the message `content` begins: above 0 where this page came too late for what was before. */
  from: number;
  /** The text so far. */
  content: string;
  /** What the model thought so far. */
  reasoning: string;
}

/** Why a task failed or was interrupted, or why it cannot be followed. */
export interface TaskProblem {
  /** What went wrong, for programs. */
  code: TaskErrorCode | (string & {});
  /** What went wrong, for people. */
  message: string;
  /** The same again, later, may well succeed. */
  retryable: boolean;
}

/** What the page shows in order: messages and calls, then what the model says now, then what was sent and waits. */
export type TimelineEntry =
  | {
      /** What it is. */
      type: 'message';
      /** For React: the same from one rendering to the next. */
      key: string;
      /** A message of the thread. */
      message: LiveMessage;
    }
  | {
      /** What it is. */
      type: 'tool';
      /** For React: the same from one rendering to the next. */
      key: string;
      /** A call. */
      tool: LiveTool;
    }
  | {
      /** What it is. */
      type: 'streaming';
      /** For React: the same from one rendering to the next. */
      key: string;
      /** What the model says at the moment. */
      streaming: LiveText;
    };

/** Where a task stands and what happens in it. */
export interface LiveTask {
  /** Undefined until the first snapshot. */
  status: TaskStatus | undefined;
  /** In progress, and nobody runs it: `resume()` has it run. */
  unfinished: boolean;
  /** It was stopped, not paused. */
  stopped: boolean;
  /** Why it is paused or stopped. */
  reason: string | undefined;
  /** Milestones and items, and how far they are. */
  plan: Progress | undefined;
  /** The item at work. */
  item: TaskState['item'];
  /** The thread: the last messages, the oldest first, then those that were sent from this page and wait. */
  messages: LiveMessage[];
  /** Calls, the oldest first. */
  tools: LiveTool[];
  /** Messages, calls and the text under way in the order in which they came. */
  timeline: TimelineEntry[];
  /** Text of the turn under way; what an attempt has said that was given up is gone from it. */
  streaming: LiveText | undefined;
  /** The model is asked again, so many milliseconds after an attempt that was given up. */
  retrying:
    | {
        /** Why the attempt was given up. */
        code: string;
        /** Milliseconds from then on. */
        delayMs: number;
      }
    | undefined;
  /** Calls that wait for a person, without those that were decided on this page. */
  waiting: WaitingCall[];
  /** Tokens of the task so far. */
  usage: Usage | undefined;
  /** Why it failed or was interrupted, or cannot be followed. */
  error: TaskProblem | undefined;
}
