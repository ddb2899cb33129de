import type { TaskEvent } from '../../types.js';
import { describeCall } from '../describe.js';
import type { Controls, Display } from './display.js';
import { linesOf } from './lines.js';

/** Plain lines, where there is no terminal. Nobody can answer there, so what needs approval is approved. */
export function plainDisplay(output: NodeJS.WritableStream, controls: Controls): Display {
  const say = (line: string) => output.write(`${line}\n`);
  let overall = 0;
  return {
    say,
    event(event: TaskEvent) {
      for (const { text } of linesOf(event)) say(text);
      if (event.type === 'task:progress_update' && event.overall !== overall) {
        overall = event.overall;
        say(`${overall} % done`);
      }
      if (event.type === 'task:approval_required') {
        say(`May it run ${describeCall(event.toolCall)}? Approved, as there is no terminal to ask at.`);
        controls.decide(event.toolCall, true);
      }
    },
    state() {},
    close() {},
  };
}
