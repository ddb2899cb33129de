import { memoryStore, type TaskEventMap, TaskExecutor, type TaskHost, tool } from '../../../js/index.js';
import { scriptedModel, type Turn } from '../../../js/testing/scripted-model.js';
import type { TaskEvent, TaskStore } from '../../../js/types.js';
import { taskWith } from './fixtures.js';

/** Everything that an executor of one task needs, and what it said. */
export function world(turns: Turn[], host: Partial<TaskHost> = {}, items = ['Do it']) {
  const store: TaskStore = host.store ?? memoryStore({ tasks: [taskWith(items)] });
  const model = scriptedModel(turns);
  const options = { model, ...host, store };
  const executor = (more: object = {}) => recorded(new TaskExecutor('t', 'u', { ...options, ...more }));
  return { store, model, options, executor };
}

const names: (keyof TaskEventMap)[] = [
  'task:started',
  'task:resumed',
  'task:paused',
  'task:stopped',
  'task:completed',
  'task:message',
  'task:message_saved',
  'task:reasoning',
  'task:tool_input',
  'task:tool_progress',
  'task:tool_call',
  'task:tool_result',
  'task:approval_required',
  'task:answer_required',
  'task:progress_update',
  'task:usage',
  'task:retry',
  'task:error',
  'task:run_ended',
];

export function recorded(executor: TaskExecutor): TaskExecutor & { seen: TaskEvent[]; types(): string[] } {
  const seen: TaskEvent[] = [];
  for (const type of names) {
    executor.on(type, (payload: object) => seen.push({ type, ...payload } as TaskEvent));
  }
  const types = () =>
    seen.map(({ type }) => type).filter((type) => type !== 'task:message' && type !== 'task:tool_input');
  return Object.assign(executor, { seen, types });
}

export const add = tool({
  description: 'Adds two numbers.',
  inputSchema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
  execute: ({ a, b }) => ({ sum: a + b }),
});

/** A tool that says when it was called and returns when it is told to. */
export function heldTool() {
  let called!: () => void;
  let release!: (value: unknown) => void;
  const isCalled = new Promise<void>((resolve) => {
    called = resolve;
  });
  const result = new Promise<unknown>((resolve) => {
    release = resolve;
  });
  const held = tool({
    description: 'Waits.',
    inputSchema: { type: 'object' },
    execute: () => {
      called();
      return result;
    },
  });
  return { held, isCalled, release };
}

export async function collect<T>(events: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const event of events) all.push(event);
  return all;
}
