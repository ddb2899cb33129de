import { bold, cyan, dim, green, yellow } from 'yoctocolors';
import type { Progress, ToolCall, Usage } from '../../types.js';
import { bar } from '../bar.js';
import { describeCall, describeUsage } from '../describe.js';
import { cut, padded, widthOf, wrap } from '../text.js';

/** What the lower part of the terminal shows. */
export interface View {
  progress: Progress;
  usage: Usage;
  /** The model's text as far as it has streamed. */
  streaming: string;
  state: 'running' | 'pausing' | 'stopping' | 'paused';
  /** Calls that wait for approval, oldest first. */
  approvals: ToolCall[];
}

const widestName = 24;
const widestBar = 30;
const mostStreaming = 6;

/** The lines of a view in a terminal so many columns wide. None is wider. */
export function frameOf(view: View, columns: number): string[] {
  const width = Math.max(20, columns - 1);
  const { milestones, overall } = view.progress;
  const names = ['Task', ...milestones.map(({ name }) => name)];
  const nameWidth = Math.min(widestName, Math.floor(width / 3), Math.max(...names.map(widthOf)));
  const barWidth = Math.max(1, Math.min(widestBar, width - nameWidth - 14));
  const row = (name: string, percent: number, rest: string) => {
    const head = `${padded(cut(name, nameWidth), nameWidth)} `;
    const tail = cut(` ${String(percent).padStart(3)} %  ${rest}`, width - nameWidth - 1 - barWidth);
    return `${head}${bar(percent, barWidth, { cyan, dim, green })}${tail}`;
  };
  return [
    ...(view.streaming === '' ? [] : wrap(view.streaming, width).slice(-mostStreaming)),
    '',
    ...milestones.map((each) => row(each.name, each.progress, `${each.tasks_completed}/${each.tasks_total}`)),
    row('Task', overall, ''),
    dim(cut(describeUsage(view.usage), width)),
    '',
    ...prompt(view).flatMap(({ text, style }) => wrap(text, width).map(style)),
  ];
}

function prompt({ state, approvals: [asked, ...others] }: View): { text: string; style: typeof bold }[] {
  switch (state) {
    case 'pausing':
      return [{ text: 'Pausing: what runs may finish. Ctrl-C again quits at once.', style: yellow }];
    case 'stopping':
      return [{ text: 'Stopping.', style: yellow }];
    case 'paused':
      return [{ text: 'Paused.  r resume · s stop · Ctrl-C quit', style: yellow }];
    case 'running': {
      const keys = 'p pause · s stop · Ctrl-C pause and quit';
      if (asked === undefined) return [{ text: keys, style: dim }];
      const more = others.length > 0 ? ` (${others.length} more)` : '';
      return [
        { text: `May it run ${describeCall(asked)}?${more}  y yes · n no`, style: bold },
        { text: keys, style: dim },
      ];
    }
  }
}
