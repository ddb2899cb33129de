import type { ToolResultContentBlock } from './converse.js';
import type { TaskOutcome, Usage } from './state.js';
import type { PlanStatus } from './task.js';
import type { ToolCall } from './tool.js';

/** What every fact carries: an event that a stored journal entry makes true. */
export interface FactFields {
  /** `'{seq}.{n}'`, the cursor of `events({ after })`. */
  id: string;
  seq: number;
  epoch: number;
  /** ISO 8601: when it was journaled. */
  at: string;
}

/** Live events have none of these: `event.id` can be asked of any event, and tells facts from live ones. */
export type LiveFields = { [Field in keyof FactFields]?: undefined };

/** What every event says. */
export interface TaskEventFields {
  taskId: string;
}

/** The task began, went on or ended. */
export interface LifecycleChange extends TaskEventFields, FactFields {
  /** The run before ended without a word and this one took the task up. */
  recovered?: true;
  /** The caller's text, or the limit or signal that ended the run. */
  reason?: string;
}

/** A call waits for a person. */
export interface WaitingCallFields extends TaskEventFields {
  toolCall: ToolCall;
  why?: 'input' | 'unknown_outcome';
}

/** Announced once as a fact, and again, live, when a run takes the task up. */
export type WaitingCallAnnounced = WaitingCallFields &
  ((FactFields & { again?: never }) | (LiveFields & { again: true }));

/** What went wrong. */
export interface TaskFailure extends TaskEventFields {
  error: string;
  code: string;
  /** The same again, later, may well succeed. */
  retryable: boolean;
}

/** Event names and what listeners get. Facts come after the commit that makes them true, in order. */
export interface TaskEventMap {
  'task:started': LifecycleChange;
  'task:resumed': LifecycleChange;
  'task:paused': LifecycleChange;
  'task:stopped': LifecycleChange;
  'task:completed': LifecycleChange;
  /** A piece of the assistant's text while it streams. */
  'task:message': TaskEventFields &
    LiveFields & {
      messageId: string;
      attempt: number;
      role: 'assistant';
      content: string;
      /** Where in the message it begins, in UTF-16 units: whoever joins in mid-turn gets the text so far at once, from 0. */
      offset: number;
      streaming: true;
    };
  /** A message of the thread is stored. */
  'task:message_saved': TaskEventFields &
    FactFields & {
      messageId: string;
      role: 'user' | 'assistant' | 'system';
      content: string;
      streaming: false;
    };
  /** A piece of the model's reasoning while it streams. */
  'task:reasoning': TaskEventFields & LiveFields & { delta: string };
  /** A piece of a tool's input, as JSON text, while the model writes it. */
  'task:tool_input': TaskEventFields &
    LiveFields & { messageId: string; attempt: number; toolCallId: string; name: string; delta: string };
  /** What a tool that runs reports of itself: a text, or a number from 0 to 1. At most ten a second per call. */
  'task:tool_progress': TaskEventFields &
    LiveFields & { toolCallId: string; name: string; progress: string | number };
  'task:tool_call': TaskEventFields & FactFields & { toolCall: ToolCall };
  'task:tool_result': TaskEventFields &
    FactFields & {
      toolCallId: string;
      name: string;
      status: 'success' | 'error';
      /** Events are plain JSON: bytes of images and documents are `{ "$bytes": base64 }` here. */
      content: ToolResultContentBlock[];
      /** Nobody knows what the call did. */
      unknown?: true;
    };
  'task:approval_required': WaitingCallAnnounced;
  'task:answer_required': WaitingCallAnnounced;
  /** An item is done. Items that others have completed are told together, with the last of them as `item`. */
  'task:progress_update': TaskEventFields &
    FactFields & {
      /** Percent of the whole task, 0 to 100. */
      overall: number;
      /** As the task document shows it; of a task without a plan the task itself, as `task`. */
      item: { id: string; name: string; status: PlanStatus; completed_at?: string };
      /** The item's, as the document shows it: `progress` in percent, and how many of its items are done. */
      milestone?: {
        id: string;
        name: string;
        status: PlanStatus;
        progress: number;
        tasks_completed: number;
        tasks_total: number;
      };
      /** The ids of all items that are done now, where others completed several. The plan itself is in `state()`. */
      items?: string[];
    };
  /** Tokens of one turn, and of the task so far. */
  'task:usage': TaskEventFields & FactFields & { usage: Usage; total: Usage };
  /** An attempt at a turn was given up; what it streamed does not count. */
  'task:retry': TaskEventFields &
    LiveFields & { messageId: string; attempt: number; code: string; delayMs: number };
  /** A fact where the task failed, live where the run was interrupted. */
  'task:error': TaskFailure & (FactFields | LiveFields);
  /** The last event of every run that was not refused; one that only begins the task has none. */
  'task:run_ended': TaskEventFields & LiveFields & { outcome: TaskOutcome };
}

/** The name of an event. */
export type TaskEventName = keyof TaskEventMap;

/** An event as iterators hand it out, told apart by `type`. */
export type TaskEvent = { [Name in TaskEventName]: { type: Name } & TaskEventMap[Name] }[TaskEventName];

/** A run, as seen by who began it. Iterates from the `run()` call to `task:run_ended`. */
export interface TaskRun extends AsyncIterable<TaskEvent> {
  /** Settles when the run has begun; rejects where it is refused. Never raises an unhandled rejection. */
  readonly started: Promise<void>;
  /** How the run ended. Never rejects. */
  readonly outcome: Promise<TaskOutcome>;
}
