import type { TaskLifecycle } from '../api/lifecycle.js';
import { optionalTextField, textField } from './body.js';
import { Refusal } from './problem.js';

type Body = Record<string, unknown>;

/** Commands that run nothing by themselves, each with its body. */
export const commands: Record<string, (task: TaskLifecycle, body: Body) => Promise<void>> = {
  pause: (task) => task.pause(),
  stop: (task, body) => task.stop(optionalTextField(body, 'reason')),
  approve: (task, body) => {
    const note = optionalTextField(body, 'note');
    return task.approve(textField(body, 'toolCallId'), note === undefined ? {} : { note });
  },
  reject: (task, body) => task.reject(textField(body, 'toolCallId'), optionalTextField(body, 'reason')),
  answer: (task, body) => {
    if (!('result' in body)) throw new Refusal(400, 'INVALID_ARGUMENT', 'result is missing.');
    return task.answer(textField(body, 'toolCallId'), body.result, { error: body.error === true });
  },
  send: (task, body) => task.send(textField(body, 'message')),
};

/** Those after which a task that nobody runs may have something to go on with. */
export const wakes: ReadonlySet<string> = new Set(['approve', 'reject', 'answer', 'send']);

/** Those that have the task run. */
export const begins: ReadonlySet<string> = new Set(['start', 'run', 'resume']);
