import './configure.js';
import { TaskExecutor } from 'task-execution-engine';
import { addTask, userId } from './backend/database.js';
import { TaskExecutor as OldTaskExecutor } from './lib/task-execution/TaskExecutor.js';
import { TaskDatabaseService } from './services/task-database.service.js';

interface Commands {
  once(event: string, listener: () => void): unknown;
  start(): Promise<void>;
  pause(): Promise<void>;
}

/** Runs a task until one item is done; returns the items that are announced as done. */
async function oneItem(executor: Commands): Promise<string[]> {
  const before = await completed();
  executor.once('task:progress_update', () => void executor.pause());
  await executor.start();
  return (await completed()).filter((id) => !before.includes(id));
}

async function stored() {
  const task = await TaskDatabaseService.getTask(userId, 'rolled');
  if (task === null) throw new Error('The task is gone.');
  return task;
}

async function completed(): Promise<string[]> {
  const items = Object.values((await stored()).progress.tasks).flat();
  return items.filter(({ status }) => status === 'completed').map(({ id }) => id);
}

async function seen() {
  const { status, execution } = await stored();
  return { status, completed: await completed(), messages: execution.api_messages.length };
}

await addTask('rolled', ['one', 'two', 'three']);
const ours = await oneItem(new TaskExecutor('rolled', userId));
const asTheOldClassSeesIt = await seen();
const oldClass = await oneItem(new OldTaskExecutor('rolled', userId));
const again = new TaskExecutor('rolled', userId);
const oursAgain: string[] = [];
again.on('task:progress_update', ({ item }: { item: { id: string } }) => oursAgain.push(item.id));
await again.start();
console.log(JSON.stringify({ ours, oldClass, asTheOldClassSeesIt, oursAgain, inTheEnd: await seen() }));
