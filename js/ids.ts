import { TaskExecutionError } from './errors.js';
import { TextEncoder } from './platform.js';

const maxBytes = 1_500;
const loneSurrogate = /\p{Surrogate}/u;
const control = /\p{Control}/u;

/** Why a value cannot be a document's id; undefined where it can. */
function objection(id: unknown): string | undefined {
  if (typeof id !== 'string') {
    return `must be a string, not ${id === null ? 'null' : typeof id}`;
  }
  if (id === '') {
    return 'is empty';
  }
  if (id.includes('/')) {
    return 'contains a slash';
  }
  if (loneSurrogate.test(id)) {
    return 'contains a lone surrogate, which would make two ids collide';
  }
  if (id === '.' || id === '..') {
    return `is '${id}'`;
  }
  if (id.length >= 4 && id.startsWith('__') && id.endsWith('__')) {
    return 'begins and ends with two underscores, which databases reserve';
  }
  if (id.length > maxBytes || new TextEncoder().encode(id).length > maxBytes) {
    return 'is longer than 1,500 bytes';
  }
  if (control.test(id)) {
    return 'contains a control character';
  }
  return undefined;
}

/**
 * Checks that a value can be the id of a document in every store.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT, naming `name` and the reason.
 */
export function checkId(name: string, id: unknown): asserts id is string {
  const reason = objection(id);
  if (reason !== undefined) {
    throw new TaskExecutionError('INVALID_ARGUMENT', `${name} ${reason}.`, {
      details: { argument: name, reason },
    });
  }
}

/**
 * Checks the two ids that name a task.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT, naming the argument, the reason and the order of the arguments.
 */
export function checkTaskIds(taskId: unknown, userId: unknown): void {
  for (const [name, id] of [
    ['taskId', taskId],
    ['userId', userId],
  ] as const) {
    const reason = objection(id);
    if (reason !== undefined) {
      throw new TaskExecutionError(
        'INVALID_ARGUMENT',
        `${name} ${reason}. The arguments are (taskId, userId).`,
        {
          details: { argument: name, reason },
        },
      );
    }
  }
}
