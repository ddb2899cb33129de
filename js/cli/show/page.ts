import type { Progress } from '../../types.js';
import { describeCall, describeUsage } from '../describe.js';
import { widthOf } from '../text.js';
import { describeLastRun, describeStatus, type LastRun, type Look } from './look.js';
import type { Printer } from './printer.js';
import type { TaskRef } from './tasks.js';
import { waitsFor } from './timeline.js';

const widestName = 24;
const labelWidth = 10;

/** What the task is, and how far its plan is. */
export async function printPlan(printer: Printer, ref: TaskRef, { document, state }: Look): Promise<void> {
  const { bold, dim, green, cyan } = printer.colours;
  await printer.text(String(document?.title ?? ref.taskId), bold);
  await printer.text(`${ref.userId}/${ref.taskId}`, dim);
  await printer.write();
  if (state === undefined) return;
  const { overall, milestones, tasks }: Progress = state.progress;
  const names = ['Task', ...milestones.map(({ name }) => String(name))];
  const nameWidth = Math.min(widestName, Math.floor(printer.width / 3), Math.max(...names.map(widthOf)));
  for (const { id, name, progress, tasks_completed, tasks_total } of milestones) {
    await printer.bar(String(name), nameWidth, progress, `${tasks_completed}/${tasks_total}`);
    for (const item of tasks[id] ?? []) {
      const isCurrent = item.id === state.item?.id && id === (state.item.milestoneId ?? id);
      if (item.status === 'completed') await printer.text(item.name, dim, `  ${green('✓')} `);
      else if (isCurrent) await printer.text(item.name, bold, `  ${cyan('▸')} `);
      else await printer.text(item.name, String, `  ${dim('·')} `);
    }
  }
  await printer.bar('Task', nameWidth, overall, '');
  await printer.write();
}

/** What matters at the end: the status, how the last run ended, and who has to do something. */
export async function printStanding(
  printer: Printer,
  look: Look,
  lastRun: LastRun,
  entries: number,
): Promise<void> {
  const { bold, yellow, red, dim } = printer.colours;
  const row = (label: string, text: string, style: (text: string) => string = String) =>
    printer.text(text, style, label.padEnd(labelWidth));
  await printer.write();
  if (look.document) await row('Status', describeStatus(look.document), bold);
  const ended = lastRun.at === undefined ? '' : ` ${agoOf(printer, lastRun.at)}`;
  await row('Last run', `${describeLastRun(lastRun)}${ended}`, lastRun.status === 'failed' ? red : String);
  for (const { toolCall, why } of look.state?.waiting ?? []) {
    await row('Waiting', `${describeCall(toolCall)} ${waitsFor(why)}`, yellow);
    await row('', `id ${toolCall.id}`, dim);
  }
  if (look.state) await row('Tokens', describeUsage(look.state.usage));
  await row('Journal', `${entries.toLocaleString('en-US')} ${entries === 1 ? 'entry' : 'entries'}`);
  if (look.problem !== undefined) await row('Problem', look.problem, red);
}

function agoOf(printer: Printer, at: string): string {
  const { day, time } = printer.when(at);
  return `(${day.replace(' UTC', '')} ${time})`;
}
