import type { TaskLifecycle } from '../api/lifecycle.js';
import { TaskExecutionError } from '../errors.js';

/** What a caller sends with a command. */
export interface CommandInput {
  toolCallId?: string;
  note?: string;
  reason?: string;
  result?: unknown;
  error?: boolean;
  message?: string;
}

/** The commands of a task, each with what was sent with it. */
export const commands = {
  start: (task: TaskLifecycle) => task.start(),
  resume: (task: TaskLifecycle) => task.resume(),
  pause: (task: TaskLifecycle) => task.pause(),
  stop: (task: TaskLifecycle, { reason }: CommandInput) => task.stop(reason),
  approve: (task: TaskLifecycle, input: CommandInput) =>
    task.approve(textOf(input, 'toolCallId'), input.note === undefined ? {} : { note: input.note }),
  reject: (task: TaskLifecycle, input: CommandInput) =>
    task.reject(textOf(input, 'toolCallId'), input.reason),
  answer: (task: TaskLifecycle, input: CommandInput) => {
    if (input.result === undefined) throw missing('result');
    return task.answer(textOf(input, 'toolCallId'), input.result, { error: input.error === true });
  },
  send: (task: TaskLifecycle, input: CommandInput) => task.send(textOf(input, 'message')),
} as const;

/** The name of one. */
export type CommandName = keyof typeof commands;

/** Whatever somebody has sent: an object, or nothing. */
export function inputOf(sent: unknown): CommandInput {
  return typeof sent === 'object' && sent !== null ? sent : {};
}

function textOf(input: CommandInput, field: 'toolCallId' | 'message'): string {
  const value = input[field];
  if (typeof value !== 'string') throw missing(field);
  return value;
}

function missing(field: string): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `${field} is missing.`, { details: { argument: field } });
}
