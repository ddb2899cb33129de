import { EventEmitter, on, once } from 'node:events';
import { addTask, userId } from './backend/database.js';
import { TaskExecutor } from './lib/task-execution/TaskExecutor.js';

/** Code of the app that knows emitters and no tasks. */
function countEvents(emitter: EventEmitter, name: string): () => number {
  let count = 0;
  emitter.on(name, () => {
    count += 1;
  });
  return () => count;
}

export async function isAnEmitter() {
  const executor = new TaskExecutor(await addTask('emitter', ['first', 'second']), userId);
  const emitters: EventEmitter[] = [executor, new EventEmitter()];
  const count = countEvents(executor.setMaxListeners(50), 'task:progress_update');
  await executor.start();
  return {
    isOne: executor instanceof EventEmitter,
    all: emitters.every((emitter) => emitter instanceof EventEmitter),
    counted: count(),
    most: executor.getMaxListeners(),
  };
}

/** A command as a listener gets whatever the event carries. */
export async function stopsOnAnEvent() {
  const executor = new TaskExecutor(await addTask('cancelled', ['first', 'second']), userId);
  const buttons = new EventEmitter();
  buttons.on('cancel', executor.stop.bind(executor));
  const stopped = once(executor, 'task:stopped');
  const started = executor.start();
  await once(executor, 'task:message');
  buttons.emit('cancel', { by: 'somebody' });
  await stopped;
  await started;
  return { settled: true };
}

export async function awaitsEvents() {
  const taskId = await addTask('awaited', ['first']);
  const executor = new TaskExecutor(taskId, userId);
  const controller = new AbortController();
  const completed = once(executor, 'task:completed', { signal: controller.signal });
  const messages = on(executor, 'task:message', { signal: controller.signal });
  void executor.start();
  const [payload] = await completed;
  for await (const [message] of messages) {
    return { taskId: payload.taskId === taskId, first: message.content };
  }
}
