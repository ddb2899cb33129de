import type { TaskEvent, TaskOutcome } from '../../types.js';
import { describeCall, describeResult } from '../describe.js';

/** A line of what a worker does. */
export interface WorkLine {
  text: string;
  kind: 'heading' | 'aside' | 'good' | 'ask' | 'trouble';
}

/** What happened in a run, where that is worth a line. */
export function lineOfEvent(event: TaskEvent): WorkLine | undefined {
  switch (event.type) {
    case 'task:started':
      return { kind: 'heading', text: 'begins' };
    case 'task:resumed':
      return {
        kind: 'heading',
        text: event.recovered ? 'goes on where it was interrupted' : 'goes on',
      };
    case 'task:tool_result': {
      if (event.status !== 'error') return undefined;
      const what = describeResult(event.name, event.content);
      return { kind: 'trouble', text: event.unknown ? `does not know the outcome of ${event.name}` : what };
    }
    case 'task:approval_required':
      return { kind: 'ask', text: `asks: may it run ${describeCall(event.toolCall)}?` };
    case 'task:answer_required':
      return { kind: 'ask', text: `waits for an answer to ${describeCall(event.toolCall)}` };
    case 'task:retry':
      return { kind: 'trouble', text: `asks the model again (${event.code})` };
    default:
      return undefined;
  }
}

/** How a run ended, and who has the task now. */
export function lineOfEnd(outcome: TaskOutcome, ms: number): WorkLine {
  const reason = outcome.reason === undefined ? '' : ` (${outcome.reason})`;
  switch (outcome.status) {
    case 'completed':
      return { kind: 'good', text: `is completed, after ${duration(ms)} here` };
    case 'paused':
    case 'stopped':
      return { kind: 'aside', text: `is ${outcome.status}${reason}` };
    case 'superseded':
      return { kind: 'aside', text: 'was taken over by another process' };
    case 'yielded':
      return {
        kind: 'aside',
        text:
          outcome.reason === 'waiting'
            ? 'waits for a person, and holds nothing meanwhile'
            : `is given up for others to go on${reason}`,
      };
    case 'failed':
      return { kind: 'trouble', text: `failed: ${outcome.error.message} (${outcome.error.code})` };
    case 'interrupted':
    case 'refused':
      return {
        kind: 'trouble',
        text: `was interrupted: ${outcome.error.message} (${outcome.error.code})`,
      };
  }
}

/** `950 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
