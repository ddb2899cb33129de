import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { createTask, createTaskEngine, memoryStore, tool } from '../../../js/index.js';
import { createTestHost, faultyStore, type TestHost } from '../../../js/testing/index.js';
import type { Task } from '../../../js/types.js';

const types = (events: { type: string }[]) =>
  events.map(({ type }) => type).filter((type) => type !== 'task:message');

const object = { type: 'object' } as const;

describe('a test host', () => {
  it('runs a task of its own on its own time, and keeps what was emitted and asked for', async () => {
    const t = createTestHost({ turns: ['Done.'] });
    const executor = t.executor();
    await executor.start();
    expect(executor.outcome).toMatchObject({ status: 'completed', text: 'Done.' });
    expect([executor.taskId, executor.userId]).toEqual([t.taskId, t.userId]);
    expect(types(t.events)).toEqual([
      'task:started',
      'task:message_saved',
      'task:message_saved',
      'task:usage',
      'task:progress_update',
      'task:completed',
      'task:run_ended',
    ]);
    expect(t.requests).toHaveLength(1);
    expect((await t.store.read(['users/user/tasks/task']))[0]?.data).toMatchObject({ status: 'completed' });
    t.done();
  });

  it('makes the document that createTask makes, apart from ids and times', async () => {
    const plan = {
      title: 'Plan',
      description: 'All of it.',
      config: { model: 'm' },
      milestones: [{ name: 'One', items: [{ name: 'A', description: 'a' }, { name: 'B' }] }],
    };
    const t = createTestHost({ task: plan, turns: [] });
    const other = await createTask('user', plan, { store: memoryStore(), clock: t.clock });
    const [document] = await t.store.read(['users/user/tasks/task']);
    expect({ ...document?.data, id: other.id }).toEqual(other);
  });

  it('takes a stored document as it is', async () => {
    const task: Partial<Task> = { id: 'mine', user_id: 'ada', status: 'paused', extra: { kept: true } };
    const t = createTestHost({ task, turns: [] });
    expect([t.taskId, t.userId]).toEqual(['mine', 'ada']);
    expect(await t.executor().run().outcome).toMatchObject({ status: 'paused' });
    expect((await t.store.read(['users/ada/tasks/mine']))[0]?.data).toMatchObject({ extra: { kept: true } });
  });

  it('says the same ids each time', async () => {
    const play = async () => {
      const t = createTestHost({ turns: ['Done.'] });
      await t.executor().start();
      return t.events;
    };
    expect(await play()).toEqual(await play());
  });

  it('lets minutes of silence and retries pass at once', async () => {
    const t = createTestHost({ turns: [{ fail: 'throttled' }, { text: 'He', fail: 'stall' }, 'Done.'] });
    const before = t.clock.now();
    await t.executor().start();
    expect(t.events.filter(({ type }) => type === 'task:retry')).toHaveLength(2);
    expect(t.clock.now() - before).toBeGreaterThan(60_000);
    t.done();
  });

  it('lets a tool that never settles run into its timeout', async () => {
    const hangs = tool({ description: 'Hangs.', inputSchema: object, execute: () => new Promise(() => {}) });
    const t = createTestHost({ tools: { hangs }, turns: [{ tools: [{ name: 'hangs', input: {} }] }, 'Hm.'] });
    await t.executor().start();
    expect(t.events.find(({ type }) => type === 'task:tool_result')).toMatchObject({ unknown: true });
    t.done();
  });

  it('stands still while a generator does real work between its values', async () => {
    const before = Date.UTC(2026, 0, 1);
    const slow = tool({
      description: 'Takes its time.',
      inputSchema: object,
      async *execute() {
        yield 'half';
        await sleep(150);
        yield 'more';
        await sleep(150);
        return 'all';
      },
    });
    const t = createTestHost({ tools: { slow }, turns: [{ tools: [{ name: 'slow', input: {} }] }, 'Done.'] });
    await t.executor().start();
    expect(t.events.find(({ type }) => type === 'task:tool_result')).toMatchObject({
      content: [{ text: 'all' }],
    });
    expect(t.clock.now()).toBe(before);
    t.done();
  });

  it('stands still while a callback does real work: sleeps, reads, asks the network', async () => {
    const server = createServer((_, response) => setTimeout(() => response.end('late'), 50)).listen(0);
    await once(server, 'listening');
    let passed = -1;
    const slow = tool({
      description: 'Takes its time.',
      inputSchema: object,
      async execute() {
        const before = t.clock.now();
        await sleep(120);
        await readFile(import.meta.filename);
        await (await fetch(`http://localhost:${(server.address() as AddressInfo).port}`)).text();
        passed = t.clock.now() - before;
      },
    });
    const prompt = async () => {
      await sleep(50);
      return 'Do it.';
    };
    const approval = async () => {
      await sleep(50);
      return false;
    };
    const before = Date.UTC(2026, 0, 1);
    const turns = [{ tools: [{ name: 'slow', input: {} }] }, 'Done.'];
    const t = createTestHost({ tools: () => sleep(50, { slow }), prompt, approval, turns });
    await t.executor().start();
    server.close();
    expect([passed, t.clock.now() - before]).toEqual([0, 0]);
    t.done();
  });

  it('moves only when told to where auto is off', async () => {
    const t = createTestHost({ turns: [{ fail: 'throttled' }, 'Done.'] });
    t.clock.auto = false;
    const { outcome } = t.executor().run();
    await t.clock.advance(0);
    expect(types(t.events).at(-1)).toBe('task:retry');
    await t.clock.advance(60_000);
    expect(await outcome).toMatchObject({ status: 'completed' });
  });

  it('works while the platform has fake timers', async () => {
    vi.useFakeTimers();
    try {
      const t = createTestHost({ turns: [{ fail: 'throttled' }, 'Done.'] });
      await t.executor().start();
      t.done();
    } finally {
      vi.useRealTimers();
    }
  });

  it('says at the end which turns nobody asked for', async () => {
    const t = createTestHost({ turns: ['Done.', 'Never said.'] });
    await t.executor().start();
    expect(() => t.done()).toThrow('1 turn(s) are left over');
    expect(() => t[Symbol.dispose]()).toThrow('1 turn(s) are left over');
  });

  it('fails a task for which turns are missing, and says so at the end', async () => {
    const t = createTestHost({ turns: [] });
    const executor = t.executor();
    await executor.start();
    expect(executor.outcome).toMatchObject({
      status: 'failed',
      error: { code: 'MODEL_REJECTED', message: expect.stringContaining('request 1 has no turn') },
    });
    expect(() => t.done()).toThrow('1 turn(s) are missing');
  });

  it('says at the end that a run is still under way', async () => {
    const t = createTestHost({ turns: ['Done.'] });
    const { outcome } = t.executor().run();
    await t.clock.advance(0);
    const held = createTestHost({
      tools: { ask: tool({ description: 'Asks.', inputSchema: object }) },
      turns: [{ tools: [{ name: 'ask', input: {} }] }],
    });
    const executor = held.executor();
    const asked = new Promise((resolve) => executor.once('task:answer_required', resolve));
    const waiting = executor.run().outcome;
    await asked;
    expect(() => held.done()).toThrow('1 run(s) still under way');
    await executor.stop();
    await Promise.all([outcome, waiting]);
    t.done();
    held.done();
  });

  it('takes a fault-injecting store around its own', async () => {
    const t = createTestHost({ turns: ['Done.'] });
    const store = faultyStore(t.store, { seed: 7, reply_lost: 0.3 }, { clock: t.clock });
    const executor = createTaskEngine({ ...t.host, store }).executor(t.taskId, t.userId);
    await executor.start();
    expect(executor.outcome).toMatchObject({ status: 'completed' });
    expect(store.injected.reply_lost).toBeGreaterThan(0);
    t.done();
  });
});

describe('a crash of a test host', () => {
  it('ends the run where it stands; the next executor takes the task up', async () => {
    const ran: string[] = [];
    const step = tool({
      description: 'A step.',
      inputSchema: { type: 'object', properties: { name: { type: 'string' } } },
      async execute({ name }) {
        ran.push(name as string);
        if (name === 'second') t.crash();
        return name;
      },
    });
    const call = (name: string) => ({ tools: [{ name: 'step', input: { name } }] });
    const t = createTestHost({ tools: { step }, turns: [call('first'), call('second'), 'Done.'] });
    const executor = t.executor();
    await executor.start();
    expect(executor.outcome).toMatchObject({
      status: 'interrupted',
      unfinished: true,
      error: { code: 'ENGINE_PANIC' },
    });
    const before = t.events.length;
    expect(await t.executor().run().outcome).toMatchObject({ status: 'completed', text: 'Done.' });
    expect(ran).toEqual(['first', 'second']);
    const after = t.events.slice(before);
    expect(after[0]).toMatchObject({ type: 'task:resumed', recovered: true });
    expect(after.find(({ type }) => type === 'task:tool_result')).toMatchObject({ unknown: true });
    t.done();
  });

  it('stores and tells nothing more, aborts tools and stream, and rejects the commands under way', async () => {
    let signal: AbortSignal | undefined;
    const hangs = tool({
      description: 'Hangs.',
      inputSchema: object,
      execute: (_, context) => {
        signal = context.signal as AbortSignal;
        return new Promise(() => {});
      },
    });
    const t = createTestHost({ tools: { hangs }, turns: [{ tools: [{ name: 'hangs', input: {} }] }] });
    t.clock.auto = false;
    const executor = t.executor();
    const { outcome } = executor.run();
    await t.clock.advance(0);
    const pausing = executor.pause();
    await t.clock.advance(0);
    t.crash();
    await expect(pausing).rejects.toMatchObject({ code: 'ENGINE_PANIC' });
    expect(await outcome).toMatchObject({ status: 'interrupted' });
    expect(signal?.aborted).toBe(true);
    const versions = async () =>
      (await t.store.list('users/user/tasks/task/engine', { limit: 9 })).map(({ version }) => version);
    const stored = await versions();
    const told = t.events.length;
    await t.clock.advance(3_600_000);
    expect(await versions()).toEqual(stored);
    expect(t.events).toHaveLength(told);
  });

  it('leaves other hosts alone', async () => {
    const [one, other] = [createTestHost({ turns: ['Done.'] }), createTestHost({ turns: ['Done.'] })];
    const runs = [one.executor().run(), other.executor().run()];
    await runs[0]?.started;
    one.crash();
    expect(await runs[0]?.outcome).toMatchObject({ status: 'interrupted' });
    expect(await runs[1]?.outcome).toMatchObject({ status: 'completed' });
  });
});

it('is done by `using` where the types of the platform know of it', () => {
  expectTypeOf<TestHost>().toExtend<Disposable>();
});
