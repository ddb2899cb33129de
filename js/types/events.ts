import type { ToolResultContentBlock } from './converse.js';
import type { TaskOutcome, Usage } from './state.js';
import type { PlanStatus } from './task.js';
import type { ToolCall } from './tool.js';

/** What every fact carries: an event that a stored journal entry makes true. */
export interface FactFields {
  /** `'{seq}.{n}'`, the cursor of `events({ after })`. */
  id: string;
  /** The journal entry that it is part of. */
  seq: number;
  /** Of the run that stored it: higher by one with every run that takes the task. */
  epoch: number;
  /** ISO 8601: when it was journaled. */
  at: string;
}

/** Live events have none of these: `event.id` can be asked of any event, and tells facts from live ones. */
export type LiveFields = { [Field in keyof FactFields]?: undefined };

/** What every event says. */
export interface TaskEventFields {
  /** Which task. */
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
  /** The call that waits. */
  toolCall: ToolCall;
  /** What for, where it is not an approval. */
  why?: 'input' | 'unknown_outcome';
}

/** Announced once as a fact, and again, live, when a run takes the task up. */
export type WaitingCallAnnounced = WaitingCallFields &
  (
    | (FactFields & {
        /** Not here. */
        again?: never;
      })
    | (LiveFields & {
        /** It was announced before, by an earlier run. */
        again: true;
      })
  );

/** What went wrong. */
export interface TaskFailure extends TaskEventFields {
  /** What went wrong, in words. */
  error: string;
  /** The code of the error. */
  code: string;
  /** The same again, later, may well succeed. */
  retryable: boolean;
}

/** Event names and what listeners get. Facts come after the commit that makes them true, in order. */
export interface TaskEventMap {
  /** The task began. */
  'task:started': LifecycleChange;
  /** The task goes on after an end. */
  'task:resumed': LifecycleChange;
  /** The task is paused. */
  'task:paused': LifecycleChange;
  /** The task is stopped; it can be resumed. */
  'task:stopped': LifecycleChange;
  /** Every item is done. */
  'task:completed': LifecycleChange;
  /** A piece of the assistant's text while it streams. */
  'task:message': TaskEventFields &
    LiveFields & {
      /** Of the message that the turn becomes. */
      messageId: string;
      /** Which attempt at the turn, from 1: what an earlier one has streamed does not count. */
      attempt: number;
      /** Who says it. */
      role: 'assistant';
      /** The piece. */
      content: string;
      /** Where in the message it begins, in UTF-16 units: whoever joins in mid-turn gets the text so far at once, from 0. */
      offset: number;
      /** Tells it from `task:message_saved`. */
      streaming: true;
    };
  /** A message of the thread is stored. */
  'task:message_saved': TaskEventFields &
    FactFields & {
      /** Of the message in the thread. */
      messageId: string;
      /** Who says it; the engine's own notes are `system`. */
      role: 'user' | 'assistant' | 'system';
      /** The whole text. */
      content: string;
      /** Tells it from `task:message`. */
      streaming: false;
    };
  /** A piece of the model's reasoning while it streams. */
  'task:reasoning': TaskEventFields &
    LiveFields & {
      /** What the model has added. */
      delta: string;
    };
  /** A piece of a tool's input, as JSON text, while the model writes it. */
  'task:tool_input': TaskEventFields &
    LiveFields & {
      /** Of the message that the turn becomes. */
      messageId: string;
      /** Which attempt at the turn, from 1. */
      attempt: number;
      /** Of the call to come. */
      toolCallId: string;
      /** The tool's. */
      name: string;
      /** What the model has added: a piece of JSON text. */
      delta: string;
    };
  /** What a tool that runs reports of itself: a text, or a number from 0 to 1. At most ten a second per call. */
  'task:tool_progress': TaskEventFields &
    LiveFields & {
      /** Which call. */
      toolCallId: string;
      /** The tool's. */
      name: string;
      /** What `report()` was given. */
      progress: string | number;
    };
  /** The model has called a tool, and that is stored. */
  'task:tool_call': TaskEventFields &
    FactFields & {
      /** The call. */
      toolCall: ToolCall;
    };
  /** The result of a call is stored; the model gets it with its next turn. */
  'task:tool_result': TaskEventFields &
    FactFields & {
      /** Which call. */
      toolCallId: string;
      /** The tool's. */
      name: string;
      /** Whether the tool failed. */
      status: 'success' | 'error';
      /** Events are plain JSON: bytes of images and documents are `{ "$bytes": base64 }` here. */
      content: ToolResultContentBlock[];
      /** Nobody knows what the call did. */
      unknown?: true;
    };
  /** A call waits until somebody approves or rejects it. */
  'task:approval_required': WaitingCallAnnounced;
  /** A call waits for somebody's answer. */
  'task:answer_required': WaitingCallAnnounced;
  /** An item is done. Items that others have completed are told together, with the last of them as `item`. */
  'task:progress_update': TaskEventFields &
    FactFields & {
      /** Percent of the whole task, 0 to 100. */
      overall: number;
      /** As the task document shows it; of a task without a plan the task itself, as `task`. */
      item: {
        /** Its id. */
        id: string;
        /** What people call it. */
        name: string;
        /** Its status now. */
        status: PlanStatus;
        /** ISO 8601: when it was done. */
        completed_at?: string;
      };
      /** The item's, as the document shows it: `progress` in percent, and how many of its items are done. */
      milestone?: {
        /** Its id. */
        id: string;
        /** What people call it. */
        name: string;
        /** Its status now. */
        status: PlanStatus;
        /** Percent of its items that are done, 0 to 100. */
        progress: number;
        /** How many of its items are done. */
        tasks_completed: number;
        /** How many items it has. */
        tasks_total: number;
      };
      /** The ids of all items that are done now, where others completed several. The plan itself is in `state()`. */
      items?: string[];
    };
  /** Tokens of one turn, and of the task so far. */
  'task:usage': TaskEventFields &
    FactFields & {
      /** Of the turn, its failed attempts included. */
      usage: Usage;
      /** Of the task so far. */
      total: Usage;
    };
  /** An attempt at a turn was given up; what it streamed does not count. */
  'task:retry': TaskEventFields &
    LiveFields & {
      /** Of the message that the turn was to become. */
      messageId: string;
      /** Which attempt was given up, from 1. */
      attempt: number;
      /** Why: the code of the error. */
      code: string;
      /** Milliseconds until the next attempt. */
      delayMs: number;
    };
  /** A fact where the task failed, live where the run was interrupted. */
  'task:error': TaskFailure & (FactFields | LiveFields);
  /** The last event of every run that was not refused; one that only begins the task has none. */
  'task:run_ended': TaskEventFields &
    LiveFields & {
      /** How it ended. */
      outcome: TaskOutcome;
    };
}

/** The name of an event. */
export type TaskEventName = keyof TaskEventMap;

/** What tells events apart. */
export interface EventType<Name extends TaskEventName> {
  /** Which event. */
  type: Name;
}

/** An event as iterators hand it out, told apart by `type`. */
export type TaskEvent = {
  [Name in TaskEventName]: EventType<Name> & TaskEventMap[Name];
}[TaskEventName];

/** A run, as seen by who began it. Iterates from the `run()` call to `task:run_ended`. */
export interface TaskRun extends AsyncIterable<TaskEvent> {
  /** Settles when the run has begun; rejects where it is refused. Never raises an unhandled rejection. */
  readonly started: Promise<void>;
  /** How the run ended. Never rejects. */
  readonly outcome: Promise<TaskOutcome>;
}
