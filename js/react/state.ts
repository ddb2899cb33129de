import type { TaskSnapshot } from '../server/snapshot.js';
import type { Progress, TaskState, TaskStatus, Usage, WaitingCall } from '../types.js';
import type { LiveMessage, LiveText, LiveTool, TaskProblem } from './live-task.js';

/** What a server component can read beforehand, so that the first HTML has it: `state()` and `taskMessages()`. */
export interface InitialTask {
  /** Where the task stands. */
  state: TaskState;
  /** The thread, the oldest first. */
  messages?: TaskSnapshot['messages'];
}

/** A call, with the place of its fact in the journal; none while the model writes it. */
export interface Call {
  tool: LiveTool;
  order?: string;
  /** Whose input it is while it is written. */
  writing?: { messageId: string; attempt: number };
}

/** How the last run ended, as far as this page knows. */
export interface Ending {
  order: string;
  stopped?: boolean;
  reason?: string | undefined;
  error?: TaskProblem;
}

/** Everything that a page knows of a task. What it shows is a function of this. */
export interface PageState {
  status: TaskStatus | undefined;
  unfinished: boolean;
  plan: Progress | undefined;
  item: TaskState['item'];
  usage: Usage | undefined;
  waiting: WaitingCall[];
  messages: LiveMessage[];
  /** Places of messages in the journal, where their facts were seen. */
  orders: ReadonlyMap<string, string>;
  calls: ReadonlyMap<string, Call>;
  streaming: LiveText | undefined;
  retrying: { code: string; delayMs: number } | undefined;
  ending: Ending | undefined;
  /** The run under way was interrupted. */
  interrupted: TaskProblem | undefined;
  /** Why the task cannot be followed. */
  lost: TaskProblem | undefined;
  /** The entry that the snapshot began behind: it has the messages of all before. */
  cursor: number;
  /** The newest fact that is in here. */
  newest: string;
  /** Sent from this page and not yet seen in the thread. */
  sent: LiveMessage[];
  /** Calls that were decided on this page, and wait no more for it. */
  decided: ReadonlySet<string>;
}

/** Before anything is known. */
export const nothingYet: PageState = {
  status: undefined,
  unfinished: false,
  plan: undefined,
  item: undefined,
  usage: undefined,
  waiting: [],
  messages: [],
  orders: new Map(),
  calls: new Map(),
  streaming: undefined,
  retrying: undefined,
  ending: undefined,
  interrupted: undefined,
  lost: undefined,
  cursor: 0,
  newest: '0',
  sent: [],
  decided: new Set(),
};
