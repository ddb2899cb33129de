import type { WriteStream } from 'node:tty';
import { createLogUpdate } from 'log-update';
import { bold, cyan, dim, green, yellow } from 'yoctocolors';
import type { TaskEvent, TaskOutcome } from '../../types.js';
import { bar, type Style } from '../bar.js';
import { cut, padded, printableLine, widthOf } from '../text.js';
import { duration, lineOfEnd, lineOfEvent, type WorkLine } from './lines.js';
import type { Report, Running } from './report.js';

/** A new terminal can claim to have no rows and columns until it is told its size. */
const usualSize = { columns: 80, rows: 24 };
const frameMs = 1_000;
const sameTroubleMs = 5 * 60_000;
/** Lines longer than this are cut where there is no terminal. */
const longestLine = 2_000;

const styles: Record<WorkLine['kind'], Style> = {
  heading: bold,
  aside: dim,
  good: green,
  ask: (text) => bold(yellow(text)),
  trouble: yellow,
};

/** What people see of a worker. */
export interface WorkDisplay extends Report {
  say(line: string): void;
  /** It takes nothing up any more and waits for what is under way. */
  draining(): void;
  /** Gives the terminal back. */
  close(): void;
}

/** A task as the frame shows it. */
interface Shown {
  task: Running;
  overall: number;
}

/** Lines with the time, and in a terminal the tasks under way below them. */
export function workDisplay(output: WriteStream, atOnce: number): WorkDisplay {
  const shown = new Map<Running, Shown>();
  const done = { completed: 0, failed: 0 };
  let seen = { held: 0, waiting: 0 };
  let isDraining = false;
  let away = { what: '', since: 0 };
  const frame = output.isTTY ? liveFrame(output, () => lines()) : undefined;

  const lines = (): string[] => {
    const { columns, rows } = sizeOf(output);
    const width = Math.max(20, columns - 1);
    const most = Math.max(1, rows - 4);
    const tasks = [...shown.values()];
    const rest = tasks.length - most;
    const standing = [
      isDraining ? `draining: ${tasks.length} to end` : `${tasks.length} of ${atOnce} at work`,
      `${done.completed} completed`,
      ...(done.failed > 0 ? [`${done.failed} failed`] : []),
      ...(seen.waiting > 0 ? [`${seen.waiting} wait for people`] : []),
      ...(seen.held > 0 ? [`${seen.held} elsewhere`] : []),
    ].join(' · ');
    const how = isDraining ? 'Ctrl-C again ends at once' : 'Ctrl-C drains';
    return [
      '',
      ...tasks.slice(0, most).map((each) => rowOf(each, width)),
      ...(rest > 0 ? [dim(`and ${rest} more`)] : []),
      dim(cut(`${standing} · ${how}`, width)),
    ];
  };

  const write = (who: string, { text, kind }: WorkLine) => {
    const words = [who, printableLine(text)].filter(Boolean).join(' ');
    if (frame === undefined) {
      output.write(`${new Date().toISOString()} ${cut(words, longestLine)}\n`);
      return;
    }
    const time = new Date().toTimeString().slice(0, 8);
    frame.above(`${dim(time)} ${styles[kind](cut(words, Math.max(20, sizeOf(output).columns - 10)))}`);
  };

  return {
    say: (text) => write('', { kind: 'heading', text }),
    begun(task) {
      shown.set(task, { task, overall: 0 });
      const title = task.title === '' ? '' : `: ${task.title}`;
      write(nameOf(task), { kind: 'heading', text: `is taken up${title}` });
    },
    event(task, event) {
      const line = lineOfEvent(event);
      if (line !== undefined) write(nameOf(task), line);
      if (event.type !== 'task:progress_update') return;
      const entry = shown.get(task);
      const overall = overallOf(event);
      if (entry === undefined || entry.overall === overall) return;
      entry.overall = overall;
      if (frame === undefined) write(nameOf(task), { kind: 'aside', text: `is at ${overall} %` });
    },
    ended(task, outcome: TaskOutcome) {
      shown.delete(task);
      if (outcome.status === 'completed') done.completed += 1;
      if (outcome.status === 'failed') done.failed += 1;
      write(nameOf(task), lineOfEnd(outcome, performance.now() - task.since));
    },
    trouble: (task, what) => write(nameOf(task), { kind: 'trouble', text: what }),
    away(what, againInMs) {
      // The same trouble is told again only now and then.
      const now = performance.now();
      if (away.what === what && now - away.since < sameTroubleMs) return;
      away = { what, since: now };
      const again = `Tried again in ${duration(againInMs)}.`;
      write('', { kind: 'trouble', text: `The store cannot be asked for tasks: ${what} ${again}` });
    },
    back() {
      if (away.what !== '') write('', { kind: 'good', text: 'The store answers again.' });
      away = { what: '', since: 0 };
    },
    looked(now) {
      seen = now;
    },
    draining() {
      isDraining = true;
      const { size } = shown;
      const what = size === 0 ? 'nothing is under way' : `${size} ${size === 1 ? 'task' : 'tasks'} under way`;
      write('', { kind: 'heading', text: `Draining: ${what}. The same signal again ends at once.` });
    },
    close: () => frame?.close(),
  };
}

/** `user/task`, of ids that anybody may have made. */
function nameOf({ userId, taskId }: { userId: string; taskId: string }): string {
  return printableLine(`${userId}/${taskId}`);
}

function overallOf(event: TaskEvent): number {
  const { overall, progress } = event as { overall?: number; progress?: { overall: number } };
  return overall ?? progress?.overall ?? 0;
}

function rowOf({ task, overall }: Shown, width: number): string {
  const barWidth = Math.max(1, Math.min(20, Math.floor(width / 4)));
  const tail = ` ${String(overall).padStart(3)} %  ${duration(performance.now() - task.since)}`;
  const left = Math.max(1, width - barWidth - widthOf(tail) - 1);
  const name = `${nameOf(task)}  ${printableLine(task.title)}`;
  return `${padded(cut(name, left), left)} ${bar(overall, barWidth, { cyan, dim, green })}${tail}`;
}

function sizeOf({ columns, rows }: WriteStream): { columns: number; rows: number } {
  return { columns: columns || usualSize.columns, rows: rows || usualSize.rows };
}

/** Lines that stay below those that scroll. */
function liveFrame(output: WriteStream, lines: () => string[]) {
  const live = createLogUpdate(output);
  const draw = () => live(lines().join('\n'));
  const timer = setInterval(draw, frameMs);
  timer.unref();
  return {
    above(line: string) {
      live.clear();
      output.write(`${line}\n`);
      draw();
    },
    close() {
      clearInterval(timer);
      live.clear();
      live.done();
    },
  };
}
