import vm from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  createTaskEngine,
  memoryStore,
  type TaskEngine,
  TaskExecutor,
  type TaskHost,
  type TaskStore,
} from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import { olderTask } from './documents.js';
import { expectUsable, failOnStrays } from './episode.js';
import { storeWith, taskPath } from './store.js';

failOnStrays();

const boom = () => {
  throw new Error('boom');
};
const impatient = { storeTimeoutMs: 5_000, graceMs: 50, waitForLeaseMs: 0 };

async function engineOf(host: Partial<TaskHost>): Promise<TaskEngine> {
  const store = await storeWith({ '': olderTask() });
  return createTaskEngine({ store, model: scriptedModel(() => 'Done.'), defaults: impatient, ...host });
}

/** Runs an innocent task in the same process while `work` goes on. */
async function besideAnInnocent<T>(work: () => Promise<T>): Promise<T> {
  const engine = createTaskEngine({ store: memoryStore(), model: scriptedModel(['Fine.']) });
  const { id } = await engine.createTask('alice', { title: 'Quiet work' });
  const innocent = engine.executor(id, 'alice').run();
  const done = await work();
  expect((await innocent.outcome).status).toBe('completed');
  return done;
}

describe('bytes that are no base64', () => {
  const message = (bytes: unknown) => ({
    role: 'user' as const,
    content: [{ image: { format: 'png' as const, source: { bytes: bytes as Uint8Array } } }],
  });

  test('are refused where a message is saved', async () => {
    const persistence = (await engineOf({})).persistence('t', 'u');
    const error = await persistence.saveApiMessage(message({ $bytes: 'not base64!' })).catch(expectUsable);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('base64') });
    await persistence.saveApiMessage(message(new Uint8Array([1, 2])));
    expect(JSON.stringify(await persistence.apiMessages())).toContain('"0":1');
  });

  test('that an older version has stored trouble nobody else, and can be read', async () => {
    const content = [{ text: 'Look.' }, { image: { format: 'png', source: { bytes: { $bytes: '*' } } } }];
    const task = { ...olderTask(), execution: { api_messages: [{ role: 'user', content }] } };
    const engine = await engineOf({ store: await storeWith({ '': task }) });
    const run = await besideAnInnocent(() => engine.executor('t', 'u').run().outcome);
    expect(run.status).toBe('completed');
    expect(await engine.persistence('t', 'u').apiMessages()).toBeDefined();
  });
});

describe('a promise of the store', () => {
  const spoiled: Record<string, (promise: Promise<unknown>) => unknown> = {
    'whose then throws': (promise) => Object.defineProperty(promise, 'then', { value: boom }),
    'whose then settles twice': (promise) =>
      Object.defineProperty(promise, 'then', {
        value: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
          resolve([null]);
          reject(new Error('late'));
        },
      }),
    'whose constructor throws': (promise) => Object.defineProperty(promise, 'constructor', { get: boom }),
  };
  test.each(Object.entries(spoiled))('%s ends in a code or an answer', async (_, spoil) => {
    const honest = await storeWith({ '': olderTask() });
    const store = { ...honest, read: (...args: [string[]]) => spoil(honest.read(...args)) } as TaskStore;
    const engine = await engineOf({ store, defaults: { ...impatient, storeTimeoutMs: 200 } });
    await besideAnInnocent(() => engine.lifecycle('t', 'u').state().catch(expectUsable));
  });
});

describe('a clock', () => {
  test('that calls back at once, from within or in a microtask, delays nobody', async () => {
    for (const when of [(fn: () => void) => fn(), queueMicrotask]) {
      const clock = {
        now: () => Date.now(),
        after: (_: number, fn: () => void) => {
          when(fn);
          return () => {};
        },
      };
      const engine = await engineOf({ clock });
      const run = await besideAnInnocent(() => engine.executor('t', 'u').run().outcome);
      expect(run.status).toBe('completed');
    }
  });

  test('that stands still and calls back at once does not keep the process from its other work', async () => {
    const clock = {
      now: () => 0,
      after: (_: number, fn: () => void) => {
        queueMicrotask(fn);
        return () => {};
      },
    };
    const run = (await engineOf({ clock, store: { ...memoryStore(), read: () => new Promise(() => {}) } }))
      .executor('t', 'u')
      .run();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await besideAnInnocent(async () => {});
    run.started.catch(() => {});
  });
});

test('a stream that never waits lets the rest of the process have its turn', async () => {
  let stopped = false;
  const model: TaskHost['model'] = {
    async *stream() {
      while (!stopped) yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: '' } } };
    },
  };
  const engine = await engineOf({ model });
  const run = engine.executor('t', 'u').run();
  await besideAnInnocent(() => new Promise((resolve) => setTimeout(resolve, 20)));
  stopped = true;
  await engine.lifecycle('t', 'u').stop();
  await run.outcome;
});

describe('what is no signal and no options', () => {
  test('refuses the run, whose outcome never rejects', async () => {
    const executor = (await engineOf({})).executor('t', 'u');
    for (const options of [7, 'x', { signal: 7 }, { signal: {} }, new Proxy({}, { ownKeys: boom })]) {
      const run = executor.run(options as never);
      run.started.catch(() => {});
      expect(await run.outcome).toMatchObject({ status: 'refused', error: { code: 'INVALID_ARGUMENT' } });
    }
  });

  test('is refused by name elsewhere', async () => {
    const engine = await engineOf({});
    const task = engine.lifecycle('t', 'u');
    expect(() => task.events({ signal: 7 as never })).toThrow(/signal must be an AbortSignal/);
    await expect(engine.drain(7 as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(engine.drain({ timeoutMs: 'x' as never })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(() => new TaskExecutor('t', 'u', 7 as never)).toThrow(/options must be an object/);
  });

  test('null is as if nothing were given', async () => {
    for (const options of [null, { signal: null }]) {
      const engine = await engineOf({});
      expect((await engine.executor('t', 'u').run(options as never).outcome).status).toBe('completed');
      for await (const event of engine.lifecycle('t', 'u').events({ signal: null as never, after: '0' })) {
        expect(event.type).toBe('task:started');
        break;
      }
    }
    const engine = await engineOf({});
    await engine.drain(null as never);
    const error = await new TaskExecutor('t', 'u', null as never).state().catch(expectUsable);
    expect(error).toMatchObject({ code: 'NOT_CONFIGURED' });
  });
});

test('a listener, a logger and random() of another realm may reject', async () => {
  const rejecting = vm.runInNewContext('async () => { throw 1 }') as () => never;
  const errors: unknown[] = [];
  const logger = { debug: rejecting, info: rejecting, warn: rejecting, error: rejecting };
  const engine = await engineOf({ logger, onListenerError: (error) => errors.push(error) });
  const executor = engine.executor('t', 'u');
  executor.on('task:started', rejecting);
  await executor.start();
  expect(errors).toEqual([1]);
  const unlucky = await (await engineOf({ random: rejecting })).executor('t', 'u').run().outcome;
  expect(unlucky).toMatchObject({ status: 'refused', error: { code: 'HOST_CALLBACK' } });
});

test('bytes of another realm are bytes', async () => {
  const bytes = vm.runInNewContext('new Uint8Array([1, 2])') as Uint8Array;
  const engine = await engineOf({});
  const content = [{ image: { format: 'png' as const, source: { bytes } } }];
  await engine.persistence('t', 'u').saveApiMessage({ role: 'user', content });
  const blocks = (await engine.persistence('t', 'u').apiMessages()).flatMap((message) => message.content);
  expect(blocks).toContainEqual({ image: { format: 'png', source: { bytes: new Uint8Array([1, 2]) } } });
});

test('an answer that a rival has put into the inbox and that nests too deep is left alone', async () => {
  const store = await storeWith({ '': { ...olderTask(), status: 'in_progress' } });
  const json = `{"decision":"answer","result":${'['.repeat(120)}${']'.repeat(120)}}`;
  const data = { kind: 'decision', tool_call_id: 'a', asked_seq: 2, nonce: 'n', json };
  await store.commit([{ op: 'create', path: `${taskPath}/inbox/decision-a-2`, data }]);
  const engine = await engineOf({ store });
  expect((await engine.executor('t', 'u').run().outcome).status).toBe('completed');
  expect(await engine.persistence('t', 'u').checkpoint()).toMatchObject({ epoch: 1 });
});
