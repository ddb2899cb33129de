import '../../fleet/node-22.mjs';
import { createServer } from 'node:http';
import * as restate from '@restatedev/restate-sdk/fetch';
import { afterAll, describe, expect, it } from 'vitest';
import { createTaskEngine, memoryStore } from '../../../js/index.js';
import { restateRunner, serveTasks, taskService } from '../../../js/restate/index.js';
import { WorkerPlaces } from '../../../js/restate/worker-places.js';

const ids = { userId: 'u', taskId: 't' };

describe('who may reach the tasks', () => {
  it.each([
    'http://127.0.0.1:8080',
    'http://localhost:8080/',
    'http://[::1]:8080',
    'http://restate:8080',
    'http://10.1.2.3:8080',
    'http://172.31.0.1:8080',
    'http://192.168.0.7',
    'http://[fd00::1]:8080',
    'http://restate.fleet.svc.cluster.local:8080',
    'https://restate.internal',
  ])('takes %s, which only insiders reach', (ingress) => {
    expect(() => restateRunner({ ingress })).not.toThrow();
  });

  it.each([
    'https://restate.example.com',
    'http://8.8.8.8:8080',
    'http://172.32.0.1:8080',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'http://[2001:db8::1]:8080',
    'http://0.0.0.0:8080',
  ])('refuses %s, unless it is said that a gateway guards it', (ingress) => {
    expect(() => restateRunner({ ingress })).toThrow(/commands every task/);
    expect(() => restateRunner({ ingress, publicIngress: true })).not.toThrow();
  });

  it.each([
    ['http://u:p@127.0.0.1:8080', /send them with headers/],
    ['http://127.0.0.1:8080/?a=b', /'\?a=b' is too much/],
    ['http://127.0.0.1:8080/#a', /'#a' is too much/],
  ])('refuses %s, which requests cannot have', (ingress, message) => {
    expect(() => restateRunner({ ingress })).toThrow(message);
  });

  it.each([0, -1, Number.NaN, '60000' as never])('refuses a timeout of %j', (timeoutMs) => {
    expect(() => restateRunner({ ingress: 'http://127.0.0.1:8080', timeoutMs })).toThrow(
      /timeoutMs must be a number of milliseconds from 1 on, or Infinity/,
    );
  });

  it.each(['restate:8080', 'ftp://localhost', ''])('refuses %j as no address', (ingress) => {
    expect(() => restateRunner({ ingress })).toThrow(/must be a URL of http or https/);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'worker.example.com'])(
    'serves on %s only whom it can tell by identity keys',
    async (host) => {
      const engine = createTaskEngine({ store: memoryStore() });
      await expect(serveTasks({ engine, host })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('identityKeys'),
      });
    },
  );
});

describe('where a worker listens', () => {
  const engine = createTaskEngine({ store: memoryStore() });

  it.each([
    [{ port: -1 }, /port must be a whole number from 0 to 65535/],
    [{ port: 65_536 }, /port/],
    [{ port: Number.NaN }, /port/],
    [{ port: '9080' as never }, /port/],
    [{ identityKeys: 'publickeyv1_abc' as never }, /identityKeys must be a list of keys/],
    [{ identityKeys: [''] }, /identityKeys/],
    [{ host: '0.0.0.0', identityKeys: ['nonsense'] }, /identityKeys/],
  ])('is refused as %j', async (options, message) => {
    await expect(serveTasks({ engine, ...options })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });

  it('may be an IPv6 loopback as URLs have it (nodejs/node#54441), and is told where it is taken', async () => {
    const server = await serveTasks({ engine, host: '[::1]', port: 0 });
    await expect(serveTasks({ engine, host: '::1', port: server.port })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/cannot listen.*EADDRINUSE/),
    });
    await server.close();
  });
});

describe('what a service is made of', () => {
  it('is three objects by the name that was given', () => {
    expect(taskService({ restate }).map(({ name }) => name)).toEqual([
      'tasks',
      'tasksPlaces',
      'tasksSchedules',
    ]);
    expect(taskService({ restate, name: 'jobs' })[0]?.name).toBe('jobs');
  });

  it('says what it needs where the SDK is missing or another', () => {
    expect(() => taskService({} as never)).toThrow(/import \* as restate from '@restatedev\/restate-sdk'/);
    expect(() => taskService({ restate: { ...restate, rpc: undefined } as never })).toThrow(/It has no rpc/);
  });

  it.each([
    [{ name: 'no/slash' }, /name must be letters/],
    [{ sliceMs: 10 }, /sliceMs must be milliseconds from 1000 to 2147483647/],
    [{ sliceMs: Number.POSITIVE_INFINITY }, /sliceMs/],
    [{ sliceMs: '45000' as never }, /sliceMs/],
    [{ slices: -1 }, /slices/],
    [{ atOnce: 0 }, /atOnce/],
    [{ atOnce: 1.5 }, /atOnce must be a whole number from 1 on/],
    [{ perUser: Number.NaN }, /perUser/],
    [{ retry: { attempts: -1 } }, /retry\.attempts/],
    [{ retry: { baseMs: Number.NaN } }, /retry\.baseMs/],
    [{ retry: { maxMs: 1e12 } }, /retry\.maxMs/],
    [{ look: { firstMs: 1 } }, /look\.firstMs/],
    [{ look: { maxMs: Number.NaN } }, /look\.maxMs/],
  ])('refuses %j', (options, message) => {
    expect(() => taskService({ restate, ...options })).toThrow(message);
  });
});

describe('the runner', () => {
  const asked: {
    url?: string | undefined;
    body: string;
    gateway?: string | undefined;
    type?: string | undefined;
  }[] = [];
  let answer: { status: number; body: string } = { status: 200, body: '' };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const gateway = request.headers['x-gateway'] as string | undefined;
    asked.push({ url: request.url, body, gateway, type: request.headers['content-type'] });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
  });
  const listening = new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
    });
  });
  afterAll(() => {
    server.close();
  });

  it('names a task by one part of the path, whatever is in its ids, and sends what a gateway wants', async () => {
    const runner = restateRunner({ ingress: await listening, headers: () => ({ 'x-gateway': 'let me in' }) });
    await runner.stop({ userId: 'ä b', taskId: 'x?y' }, 'enough');
    expect(asked.at(-1)).toMatchObject({
      url: `/tasks/${encodeURIComponent('ä b/x?y')}/stop`,
      body: '{"reason":"enough"}',
      gateway: 'let me in',
    });
    await runner.continueWith(ids);
    expect(asked.at(-1)?.url).toBe('/tasks/u%2Ft/run/send');
  });

  it.each([
    [409, '{"message":"No.","metadata":{"code":"ALREADY_DECIDED"}}', 'ALREADY_DECIDED', 'No.'],
    [404, '{"message":"No task.","metadata":{"code":"TASK_NOT_FOUND"}}', 'TASK_NOT_FOUND', 'No task.'],
    [401, '<html>', 'STORE_DENIED', 'Restate answered 401.'],
    [413, '', 'TOO_LARGE', 'Restate answered 413.'],
    [429, 'null', 'STORE_UNAVAILABLE', 'Restate answered 429.'],
    [503, '', 'STORE_UNAVAILABLE', 'Restate answered 503.'],
  ])('makes of %i and %s the error that it was', async (status, body, code, message) => {
    answer = { status, body };
    const runner = restateRunner({ ingress: await listening });
    await expect(runner.approve(ids, 'c')).rejects.toMatchObject({ code, message });
  });

  it('does not take a service that nobody registered for a task that is not there', async () => {
    answer = { status: 404, body: '{"message":"service \'tasks\' not found"}' };
    const runner = restateRunner({ ingress: await listening });
    await expect(runner.start(ids)).rejects.toMatchObject({
      code: 'NOT_CONFIGURED',
      message: expect.stringContaining("Register a worker that serves 'tasks'"),
    });
  });

  it('says what has answered in Restate’s place (naiveproxy#694)', async () => {
    answer = { status: 200, body: '<!DOCTYPE html><title>Sign in</title>' };
    const runner = restateRunner({ ingress: await listening });
    await expect(runner.state(ids)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: false,
      message: expect.stringContaining("is not Restate: '<!DOCTYPE html>"),
    });
  });

  it.each([Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 33, 30_000.5])(
    'waits for up to %d milliseconds',
    async (timeoutMs) => {
      answer = { status: 200, body: '' };
      await restateRunner({ ingress: await listening, timeoutMs }).start(ids);
      expect(asked.at(-1)?.url).toBe('/tasks/u%2Ft/start');
    },
  );

  it.each([
    [{ userId: 'a/b', taskId: 't' }, /userId contains a slash/],
    [{ userId: 'u', taskId: '' }, /taskId is empty/],
    [{ userId: 'u\ud800', taskId: 't' }, /userId contains a lone surrogate/],
    [{ taskId: 't' } as never, /userId must be a string/],
  ])('refuses %j before anything is sent, where nobody would hear of it later', async (wrong, message) => {
    const before = asked.length;
    const runner = restateRunner({ ingress: await listening });
    await expect(runner.continueWith(wrong)).rejects.toThrow(message);
    expect(asked.length).toBe(before);
  });

  it.each([
    [5n, 'INVALID_ARGUMENT', /a BigInt has no JSON form.*at result/],
    ['x'.repeat(34_000_000), 'TOO_LARGE', /Restate takes 33554432/],
  ])('says of an answer that cannot be sent what is wrong with it', async (result, code, message) => {
    const runner = restateRunner({ ingress: await listening });
    await expect(runner.answer(ids, 'c', result)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('says whose fault it is where the headers cannot be had, and sends one content type', async () => {
    const failing = restateRunner({
      ingress: await listening,
      headers: () => Promise.reject(new Error('no token')),
    });
    await expect(failing.start(ids)).rejects.toMatchObject({
      code: 'HOST_CALLBACK',
      message: expect.stringContaining('no token'),
    });
    expect(() => restateRunner({ ingress: 'http://localhost', headers: { 'a b': 'c' } })).toThrow(
      /headers cannot be sent/,
    );
    answer = { status: 200, body: '' };
    await restateRunner({ ingress: await listening, headers: { 'Content-Type': 'text/plain' } }).send(
      ids,
      'x',
    );
    expect(asked.at(-1)?.type).toBe('application/json');
  });

  it('says that nobody answers, and that another try may help', async () => {
    const runner = restateRunner({ ingress: 'http://127.0.0.1:9' });
    await expect(runner.start(ids)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  });
});

describe('the places of a worker', () => {
  it('go to those who wait in the order in which they came, and not to those who left', async () => {
    const places = new WorkerPlaces(1, 60_000);
    const order: string[] = [];
    let free = () => {};
    const here = new AbortController();
    const gone = new AbortController();
    const first = places.hold(here.signal, () => new Promise<void>((resolve) => (free = resolve)));
    const left = places.hold(gone.signal, async () => order.push('left'));
    const second = places.hold(here.signal, async () => order.push('second'));
    const third = places.hold(here.signal, () => Promise.reject(new Error('third')));
    const fourth = places.hold(here.signal, async () => order.push('fourth'));
    gone.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    free();
    await Promise.all([first, second, fourth, expect(third).rejects.toThrow('third')]);
    expect(order).toEqual(['second', 'fourth']);
  });

  it('send away who has waited too long, so that another worker may try', async () => {
    const places = new WorkerPlaces(1, 20);
    const { signal } = new AbortController();
    let free = () => {};
    const first = places.hold(signal, () => new Promise<void>((resolve) => (free = resolve)));
    await expect(places.hold(signal, async () => 'never')).rejects.toThrow(
      /no place for a slice within 20 ms/,
    );
    free();
    await first;
    expect(await places.hold(signal, async () => 'at once')).toBe('at once');
  });
});
