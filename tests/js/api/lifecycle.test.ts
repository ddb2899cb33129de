import { expect, test } from 'vitest';
import {
  configureTaskExecution,
  createTask,
  createTaskEngine,
  memoryStore,
  TaskExecutor,
  TaskLifecycle,
  TaskPersistence,
  tool,
} from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { TaskEvent } from '../../../js/types.js';
import { taskWith } from './fixtures.js';
import { add, collect, heldTool, world } from './world.js';

const callAdd = { text: 'Adding.', tools: [{ name: 'add', input: { a: 1, b: 2 }, id: 'c1' }] };

test('the statics read the lifecycle table', () => {
  expect(TaskLifecycle.can('not_started', 'start')).toBe(true);
  expect(TaskLifecycle.can('not_started', 'pause')).toBe(false);
  expect(TaskLifecycle.next('in_progress', 'stop')).toBe('paused');
  expect(TaskLifecycle.next('completed', 'pause')).toBe('completed');
  expect(() => TaskLifecycle.next('completed', 'start')).toThrow(
    expect.objectContaining({ code: 'INVALID_TRANSITION' }),
  );
  expect(() => TaskLifecycle.can('constructor' as never, 'start')).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  );
});

test('a lifecycle begins a task that a run elsewhere then drives', async () => {
  const { options, executor } = world(['Done.']);
  const lifecycle = new TaskLifecycle('t', 'u', options);
  const seen: string[] = [];
  for (const type of ['task:started', 'task:run_ended', 'task:paused', 'task:resumed'] as const) {
    lifecycle.on(type, () => seen.push(type));
  }
  await lifecycle.start();
  expect(lifecycle.status).toBe('in_progress');
  expect(await lifecycle.state()).toMatchObject({ status: 'in_progress', unfinished: true });
  await lifecycle.pause();
  expect(lifecycle.status).toBe('paused');
  await lifecycle.resume();
  await expect.poll(() => seen).toEqual(['task:started', 'task:paused', 'task:resumed']);
  const runner = executor();
  await runner.run().outcome;
  expect(runner.outcome?.status).toBe('completed');
  await expect(lifecycle.start()).rejects.toMatchObject({ code: 'INVALID_TRANSITION' });
});

test('a pause on another instance reaches the runner, and that instance tells of it', async () => {
  const { held, isCalled, release } = heldTool();
  const { executor, options } = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held } });
  const runner = executor();
  const started = runner.start();
  await isCalled;
  const lifecycle = new TaskLifecycle('t', 'u', options);
  const paused: object[] = [];
  lifecycle.on('task:paused', (payload) => paused.push(payload));
  const pausing = lifecycle.pause();
  release('x');
  await pausing;
  await started;
  expect(paused).toHaveLength(1);
  expect(runner.outcome?.status).toBe('paused');
  expect(await lifecycle.state()).toMatchObject({ status: 'paused', unfinished: false });
});

test('a stop of a paused task is stored with its reason', async () => {
  const { options, store, executor } = world([callAdd, 'It is 3.'], { tools: { add } });
  const runner = executor();
  runner.once('task:message', () => void runner.pause());
  await runner.start();
  await new TaskLifecycle('t', 'u', options).stop('enough');
  const [task] = await store.read(['users/u/tasks/t']);
  expect(task?.data).toMatchObject({ status: 'paused', execution: { abort_reason: 'enough' } });
});

test('a stop that is bound as a listener takes what the event carries for no reason', async () => {
  const { options, store } = world([]);
  const lifecycle = new TaskLifecycle('t', 'u', options);
  await lifecycle.start();
  const cancel: (...args: any[]) => Promise<void> = lifecycle.stop.bind(lifecycle);
  await cancel({ by: 'somebody' });
  const [task] = await store.read(['users/u/tasks/t']);
  expect(task?.data).toMatchObject({ status: 'paused', execution: { abort_reason: 'stopped' } });
});

test('a call that needs approval waits for it, and the runner hears of it at once', async () => {
  const gated = { ...add, needsApproval: true };
  const { executor, options } = world([callAdd, 'It is 3.'], { tools: { add: gated } });
  const runner = executor();
  const lifecycle = new TaskLifecycle('t', 'u', options);
  runner.on(
    'task:approval_required',
    ({ toolCall }) => void lifecycle.approve(toolCall.id, { note: 'fine' }),
  );
  await runner.start();
  expect(runner.outcome).toMatchObject({ status: 'completed', text: 'It is 3.' });
  await expect(lifecycle.approve('c1')).rejects.toMatchObject({ code: 'ALREADY_DECIDED' });
});

test('a tool without execute waits for an answer, and a rejection answers the model', async () => {
  const ask = tool({ description: 'Asks.', inputSchema: { type: 'object' } });
  const turns = [
    { tools: [{ name: 'ask', input: {}, id: 'q1' }] },
    { tools: [{ name: 'ask', input: { n: 2 }, id: 'q2' }] },
    'Done.',
  ];
  const { executor, model } = world(turns, { tools: { ask } });
  const runner = executor();
  runner.on('task:answer_required', ({ toolCall }) => {
    void (toolCall.id === 'q1' ? runner.answer('q1', { yes: true }) : runner.reject('q2', 'never'));
  });
  await runner.start();
  expect(runner.outcome?.status).toBe('completed');
  expect(JSON.stringify(model.requests[1]?.messages)).toContain('"yes":true');
  expect(JSON.stringify(model.requests[2]?.messages)).toContain('never');
});

test('a message of the user reaches the model before the item completes', async () => {
  const { executor, model } = world(['First.', 'Second.']);
  const runner = executor();
  let sent: Promise<void> | undefined;
  runner.on('task:message', () => {
    sent ??= runner.send('also this');
  });
  await runner.start();
  await sent;
  expect(runner.outcome?.status).toBe('completed');
  expect(JSON.stringify(model.requests.at(-1)?.messages)).toContain('also this');
});

test('events() tells all facts from the first, live ones with their deltas, until it is returned', async () => {
  const { executor, options } = world([callAdd, 'It is 3.'], { tools: { add } });
  const runner = executor();
  const live: TaskEvent[] = [];
  const following = (async () => {
    for await (const event of runner.events()) {
      live.push(event);
      if (event.type === 'task:run_ended') break;
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await runner.start();
  await following;
  expect(live[0]?.type).toBe('task:started');
  expect(live.some(({ type }) => type === 'task:message')).toBe(true);

  const controller = new AbortController();
  const stored: TaskEvent[] = [];
  for await (const event of new TaskLifecycle('t', 'u', options).events({
    after: '0',
    signal: controller.signal,
  })) {
    stored.push(event);
    if (event.type === 'task:completed') setTimeout(() => controller.abort(), 20);
  }
  const isFact = (event: TaskEvent) => event.id !== undefined;
  expect(stored).toEqual(live.filter(isFact));
  const ids = stored.map((event) => event.id);
  const half = ids[3] as string;
  const rest: TaskEvent[] = [];
  for await (const event of runner.events({ after: half })) {
    rest.push(event);
    if (event.type === 'task:completed') break;
  }
  expect(rest).toEqual(stored.slice(4));
});

test('what is stored can be read back', async () => {
  const { executor, options } = world([callAdd, 'It is 3.'], { tools: { add } });
  await executor().start();
  const persistence = new TaskPersistence('t', 'u', options);
  expect((await persistence.load()).id).toBe('t');
  expect((await persistence.apiMessages()).map(({ role }) => role)).toEqual([
    'user',
    'assistant',
    'user',
    'assistant',
  ]);
  expect(await persistence.toolResults()).toMatchObject([
    { toolCallId: 'c1', name: 'add', status: 'success' },
  ]);
  const journal = await collect(persistence.journal());
  const { seq } = await persistence.checkpoint();
  expect(journal.map((entry) => entry.seq)).toEqual(Array.from({ length: seq }, (_, i) => i + 1));
  const id = await persistence.saveTaskMessage({ role: 'user', content: 'Thanks.' });
  const messages = await persistence.taskMessages();
  expect(messages.at(-1)).toMatchObject({ id, role: 'user', content: 'Thanks.' });
  const bytes = new Uint8Array([1, 2]);
  const more = {
    role: 'user' as const,
    content: [{ text: 'More.' }, { image: { format: 'png' as const, source: { bytes } } }],
  };
  await persistence.saveApiMessage(more);
  expect((await persistence.apiMessages()).at(-1)).toEqual(more);
  await persistence.delete();
  await expect(persistence.load()).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
});

test('a task is created, run by an engine of its own, and nothing global is read', async () => {
  const store = memoryStore();
  const engine = createTaskEngine({ store, model: scriptedModel(['One.', 'Two.']) });
  configureTaskExecution({ store: memoryStore() });
  try {
    const task = await engine.createTask('u', {
      title: 'New',
      milestones: [{ name: 'M', items: [{ name: 'a' }, { name: 'b' }] }],
    });
    const executor = engine.executor(task.id, 'u');
    await executor.start();
    expect(executor.outcome?.items.map(({ text }) => text)).toEqual(['One.', 'Two.']);
    await engine.drain();
  } finally {
    configureTaskExecution({ store: memoryStore() });
  }
});

test('a task whose id the caller makes is created once, however often the call is made', async () => {
  const engine = createTaskEngine({ store: memoryStore(), model: scriptedModel(['Done.']) });
  const items = [{ name: 'a', estimated_hours: 2, due: 'friday' }];
  const wanted = { id: 'order-7', title: 'New', milestones: [{ name: 'M', items }] };
  const created = await Promise.all([1, 2, 3].map(() => engine.createTask('u', wanted)));
  expect(new Set(created.map(({ id }) => id))).toEqual(new Set(['order-7']));
  const executor = engine.executor('order-7', 'u');
  await executor.start();
  const again = await engine.createTask('u', { ...wanted, title: 'Another' });
  expect(again).toMatchObject({ id: 'order-7', title: 'New', status: 'completed' });
  expect(again.progress).toMatchObject({ tasks: { 'milestone-1': [{ estimated_hours: 2, due: 'friday' }] } });
  for (const id of ['', 'a/b', '..', 7, {}]) {
    const refused = engine.createTask('u', { ...wanted, id: id as string });
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
});

test('the last configuration counts, and a resolver is told the ids', async () => {
  const store = memoryStore({ tasks: [taskWith(['a'])] });
  const asked: object[] = [];
  configureTaskExecution(async (ids) => {
    asked.push(ids);
    return { store, model: scriptedModel(['Done.']) };
  });
  const executor = new TaskExecutor('t', 'u');
  await executor.start();
  expect(executor.outcome?.status).toBe('completed');
  const created = await createTask('u', { title: 'x' });
  expect(created).toMatchObject({ user_id: 'u', status: 'not_started' });
  expect(asked[0]).toEqual({ taskId: 't', userId: 'u' });
  expect(asked.at(-1)).toEqual({ userId: 'u' });
  configureTaskExecution(() => {
    throw new Error('who?');
  });
  await expect(executor.state()).rejects.toMatchObject({ code: 'HOST_CALLBACK' });
});
