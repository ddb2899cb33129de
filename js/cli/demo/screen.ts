import { clearScreenDown, cursorTo, emitKeypressEvents, moveCursor } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';
import { createLogUpdate } from 'log-update';
import { blue, bold, dim, green, yellow } from 'yoctocolors';
import type { TaskEvent, TaskState } from '../../types.js';
import { wrap } from '../text.js';
import { advance } from './advance.js';
import type { Controls, Display } from './display.js';
import { frameOf, type View } from './frame.js';
import { type Line, linesOf } from './lines.js';

/** A new terminal can claim to have no rows and columns until it is told its size. */
const usualSize = { columns: 80, rows: 24 };
/** Deltas that come faster than this share a frame. */
const frameMs = 30;

/** Terminals that know these show what is between them at once, others ignore them. */
const synchronized = { begin: '\u001b[?2026h', end: '\u001b[?2026l' };

const styles: Record<NonNullable<Line['kind']>, (text: string) => string> = {
  heading: bold,
  aside: dim,
  call: blue,
  result: green,
  trouble: yellow,
};

/** The terminal: what happened scrolls by above; bars, streaming text and keys stay below. */
export function screenDisplay(
  input: ReadStream,
  output: WriteStream,
  controls: Controls,
  { progress, usage }: Pick<TaskState, 'progress' | 'usage'>,
): Display {
  const view: View = { progress, usage, streaming: '', state: 'running', approvals: [] };
  let written = '';
  const sized = {
    get columns() {
      return output.columns || usualSize.columns;
    },
    get rows() {
      return output.rows || usualSize.rows;
    },
    write(text: string) {
      written += text;
    },
  };
  const live = createLogUpdate(sized as unknown as WriteStream);
  const flush = () => {
    if (written !== '') output.write(`${synchronized.begin}${written}${synchronized.end}`);
    written = '';
  };
  let due: NodeJS.Timeout | undefined;
  let drawn: string[] = [];

  const draw = () => {
    clearTimeout(due);
    due = undefined;
    drawn = frameOf(view, sized.columns);
    live(drawn.join('\n'));
    flush();
  };
  const onResize = () => {
    // terminals break the lines that are too long for their new width
    const rows = drawn
      .map((line) => Math.ceil(stripVTControlCharacters(line).length / sized.columns))
      .reduce((sum, each) => sum + Math.max(1, each), 0);
    moveCursor(output, 0, -rows);
    cursorTo(output, 0);
    clearScreenDown(output);
    live.done();
    draw();
  };
  const drawSoon = () => {
    due ??= setTimeout(draw, frameMs);
  };
  const say = ({ text, kind }: Line) => {
    const style = kind === undefined ? String : styles[kind];
    live.clear();
    for (const part of wrap(text, Math.max(20, sized.columns - 1))) written += `${style(part)}\n`;
    draw();
  };
  const onKey = (_: string | undefined, key: { name?: string; ctrl?: boolean }) => {
    const [asked] = view.approvals;
    if (key.ctrl && key.name === 'c') controls.quit();
    else if (key.ctrl) return;
    else if (key.name === 'p') controls.pause();
    else if (key.name === 'r') controls.resume();
    else if (key.name === 's') controls.stop();
    else if ((key.name === 'y' || key.name === 'n') && asked && view.state === 'running') {
      view.approvals = view.approvals.filter((each) => each !== asked);
      controls.decide(asked, key.name === 'y');
      draw();
    }
  };

  emitKeypressEvents(input);
  input.setRawMode(true);
  input.on('keypress', onKey);
  input.resume();
  output.on('resize', onResize);

  return {
    say: (text) => say({ text }),
    event(event: TaskEvent) {
      apply(view, event);
      const lines = linesOf(event);
      for (const line of lines) say(line);
      if (lines.length === 0) drawSoon();
    },
    state(state) {
      view.state = state;
      if (state === 'paused') view.approvals = [];
      draw();
    },
    close() {
      clearTimeout(due);
      live.clear();
      flush();
      live.done();
      output.off('resize', onResize);
      input.off('keypress', onKey);
      input.setRawMode(false);
      input.pause();
    },
  };
}

function apply(view: View, event: TaskEvent): void {
  switch (event.type) {
    case 'task:message':
      view.streaming += event.content;
      break;
    case 'task:message_saved':
      if (event.role === 'assistant') view.streaming = '';
      break;
    case 'task:retry':
    case 'task:run_ended':
      view.streaming = '';
      break;
    case 'task:usage':
      view.usage = event.total;
      break;
    case 'task:progress_update':
      view.progress = advance(view.progress, event);
      break;
    case 'task:approval_required':
      view.approvals = [...view.approvals.filter(({ id }) => id !== event.toolCall.id), event.toolCall];
      break;
    case 'task:tool_result':
      view.approvals = view.approvals.filter(({ id }) => id !== event.toolCallId);
      break;
  }
}
