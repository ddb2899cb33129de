import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { fromTaskDatabaseService } from '../../../js/stores/firestore/index.js';
import { scriptedModel, type Turn } from '../../../js/testing/scripted-model.js';
import { type Connected, firebaseAdmin } from '../sdk/databases.js';
import { type Task, taskDatabaseService } from './app/task-database.service.js';

const now = '2026-01-01T00:00:00.000Z';
const item = (id: string, status = 'not_started') => ({ id, name: `Item ${id}`, description: '', status });
const milestone = (total: number) => ({
  id: 'm1',
  name: 'M',
  description: '',
  status: 'not_started',
  progress: 0,
  tasks_completed: 0,
  tasks_total: total,
});
const older = (ids: string[]) => ({
  overall_percentage: 0,
  milestones: [milestone(ids.length)],
  tasks: { m1: ids.map((id) => item(id)) },
});
const newer = (ids: string[]) => ({
  project: {
    name: 'P',
    version: '1',
    started: now,
    status: 'in_progress',
    current_milestone: 'm1',
    description: '',
  },
  milestones: [milestone(ids.length)],
  tasks: { m1: ids.map((id) => item(id)) },
  documentation: {},
  progress: { planning: 0, implementation: 0, testing: 0, documentation: 0, overall: 0 },
  recent_work: [],
  next_steps: [],
  notes: [],
  current_blockers: [],
});

let connected: Connected;
beforeEach(() => {
  connected = firebaseAdmin();
});
afterEach(() => connected.end());

async function world(progress: object, turns: Turn[] | ((...a: any[]) => Turn)) {
  const service = taskDatabaseService(connected.db);
  await connected.db.doc('users/u/tasks/t').set({
    user_id: 'u',
    title: 'T',
    description: 'Do it.',
    status: 'not_started',
    created_at: now,
    updated_at: now,
    progress,
    execution: { api_messages: [], task_messages: [], tool_results: [] },
    config: { system_prompt: '', auto_approve: true },
    of_another_writer: { kept: true },
  });
  const store = fromTaskDatabaseService(service, connected.db, { emulator: true });
  const tools = {
    outside: {
      description: 'Lets the app do something while the task runs.',
      inputSchema: { type: 'object' },
      execute: async () => {
        await during();
        return 'done';
      },
    },
  };
  let during: () => Promise<unknown> = async () => {};
  const engine = createTaskEngine({ store, model: scriptedModel(turns as Turn[]), tools });
  return {
    service,
    store,
    engine,
    executor: engine.executor('t', 'u'),
    during(act: () => Promise<unknown>) {
      during = act;
    },
  };
}
const call: Turn = { text: 'Working.', tools: [{ name: 'outside', input: {} }] };

describe.each([
  ['older', older],
  ['newer', newer],
] as const)('beside the app’s service, in the %s shape,', (_, shape) => {
  test('what the engine writes passes the app’s schemas, and the thread is in order', async () => {
    const { service, executor } = await world(shape(['a', 'b']), [call, 'First.', 'Second.']);
    const seen: Promise<Task | null>[] = [];
    executor.on('task:progress_update', () => {
      seen.push(service.getTask('u', 't'));
    });
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
    const task = await service.getTask('u', 't');
    expect(task?.status).toBe('completed');
    expect(task?.progress.tasks.m1?.map(({ status }) => status)).toEqual(['completed', 'completed']);
    // The service gives null for what its schema refuses.
    const shown = (await Promise.all(seen)).map((then) => then?.id);
    expect(shown).toEqual(['t', 't']);
    const messages = await service.getMessages('u', 't');
    const said = messages.filter(({ role }) => role === 'assistant').map(({ content }) => content);
    expect(said).toEqual(['Working.', 'First.', 'Second.']);
    expect((await connected.db.doc('users/u/tasks/t').get()).get('of_another_writer')).toEqual({
      kept: true,
    });
  });

  test('a status set to paused by the service during a run pauses it', async () => {
    const made = await world(shape(['a', 'b']), [call, 'Done.', 'Done.']);
    made.during(() => made.service.updateTaskStatus('u', 't', 'paused'));
    await made.executor.start();
    expect(made.executor.outcome?.status).toBe('paused');
    expect((await made.service.getTask('u', 't'))?.status).toBe('paused');
    await made.executor.resume();
    expect(made.executor.outcome?.status).toBe('completed');
  });

  test('items added and completed by the service are respected', async () => {
    const made = await world(shape(['a', 'b']), [call, 'First.', 'Third.']);
    made.during(async () => {
      const task = await made.service.getTask('u', 't');
      const items = task?.progress.tasks.m1 ?? [];
      await made.service.updateTask('u', 't', {
        'progress.tasks.m1': [items[0], { ...items[1], status: 'completed' }, item('c')],
      });
    });
    await made.executor.start();
    expect(made.executor.outcome).toMatchObject({ status: 'completed', text: 'Third.' });
    const items = (await made.service.getTask('u', 't'))?.progress.tasks.m1;
    expect(items?.map(({ id, status }) => [id, status])).toEqual([
      ['a', 'completed'],
      ['b', 'completed'],
      ['c', 'completed'],
    ]);
  });

  test('a stale array written back by the service makes no finished item run again', async () => {
    const stale = shape(['a', 'b']).tasks.m1;
    const made = await world(shape(['a', 'b']), ['First.', call, 'Second.']);
    made.during(() => made.service.updateTask('u', 't', { 'progress.tasks.m1': stale }));
    await made.executor.start();
    expect(made.executor.outcome).toMatchObject({ status: 'completed', text: 'Second.' });
    const items = (await made.service.getTask('u', 't'))?.progress.tasks.m1;
    expect(items?.map(({ status }) => status)).toEqual(['completed', 'completed']);
  });

  test('what a user says through addMessage reaches the model and stands in the thread once', async () => {
    const heard: string[] = [];
    const made = await world(shape(['a']), [
      call,
      ({ messages }) => {
        heard.push(JSON.stringify(messages));
        return 'Heard.';
      },
    ]);
    let id = '';
    made.during(async () => {
      id = await made.store.addMessage('u', 't', 'user', 'Use the blue one.');
    });
    await made.executor.start();
    expect(heard[0]).toContain('Use the blue one.');
    const messages = await made.service.getMessages('u', 't');
    expect(messages.filter(({ content }) => content === 'Use the blue one.').map((m) => m.id)).toEqual([id]);
  });

  test('what nothing would read is refused by addMessage, and stands nowhere', async () => {
    const made = await world(shape(['a']), ['Done.']);
    await made.executor.start();
    const before = await made.service.getMessages('u', 't');
    await expect(made.store.addMessage('u', 't', 'user', 'Too late.')).rejects.toMatchObject({
      code: 'INVALID_TRANSITION',
    });
    await expect(made.store.addMessage('u', 'other', 'user', 'Hello?')).rejects.toMatchObject({
      code: 'TASK_NOT_FOUND',
    });
    expect(await made.service.getMessages('u', 't')).toEqual(before);
    const id = await made.store.addMessage('u', 't', 'system', 'Archived.', { by: 'app' });
    expect((await made.service.getMessages('u', 't')).at(-1)).toMatchObject({ id, content: 'Archived.' });
  });
});
