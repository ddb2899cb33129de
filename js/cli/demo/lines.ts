import type { TaskEvent } from '../../types.js';
import { describeCall, describeResult } from '../describe.js';

/** A line that stays: in the terminal above the bars, elsewhere all there is. */
export interface Line {
  text: string;
  /** Absent for the model's own words. */
  kind?: 'heading' | 'aside' | 'call' | 'result' | 'trouble';
}

export function linesOf(event: TaskEvent): Line[] {
  switch (event.type) {
    case 'task:started':
      return [{ kind: 'heading', text: 'The task begins.' }];
    case 'task:resumed':
      return [
        {
          kind: 'heading',
          text: event.recovered ? 'The task goes on where it was interrupted.' : 'The task goes on.',
        },
      ];
    case 'task:message_saved':
      if (event.role === 'assistant') return [{ text: event.content }];
      return event.role === 'system' ? [{ kind: 'aside', text: `· ${event.content}` }] : [];
    case 'task:tool_call':
      return [{ kind: 'call', text: `→ ${describeCall(event.toolCall)}` }];
    case 'task:tool_result':
      return [
        {
          kind: event.status === 'error' ? 'trouble' : 'result',
          text: `← ${describeResult(event.name, event.content)}`,
        },
      ];
    case 'task:retry':
      return [{ kind: 'trouble', text: `The model failed (${event.code}); it is asked again.` }];
    default:
      return [];
  }
}
