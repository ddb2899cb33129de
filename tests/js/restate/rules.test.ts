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
    [{ sliceMs: 10 }, /sliceMs must be a number from 1000 on/],
    [{ atOnce: 0 }, /atOnce/],
    [{ perUser: Number.NaN }, /perUser/],
    [{ look: { firstMs: 1 } }, /look\.firstMs/],
  ])('refuses %j', (options, message) => {
    expect(() => taskService({ restate, ...options })).toThrow(message);
  });
});

describe('the runner', () => {
  const asked: { url?: string | undefined; body: string; gateway?: string | undefined }[] = [];
  let answer: { status: number; body: string } = { status: 200, body: '' };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    asked.push({ url: request.url, body, gateway: request.headers['x-gateway'] as string | undefined });
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
    expect(asked.at(-1)).toEqual({
      url: `/tasks/${encodeURIComponent('ä b/x?y')}/stop`,
      body: '{"reason":"enough"}',
      gateway: 'let me in',
    });
    await runner.continueWith(ids);
    expect(asked.at(-1)?.url).toBe('/tasks/u%2Ft/run/send');
  });

  it.each([
    [409, '{"message":"No.","metadata":{"code":"ALREADY_DECIDED"}}', 'ALREADY_DECIDED', 'No.'],
    [404, '{"message":"service not found"}', 'TASK_NOT_FOUND', 'service not found'],
    [401, '<html>', 'STORE_DENIED', 'Restate answered 401.'],
    [503, '', 'STORE_UNAVAILABLE', 'Restate answered 503.'],
  ])('makes of %i and %s the error that it was', async (status, body, code, message) => {
    answer = { status, body };
    const runner = restateRunner({ ingress: await listening });
    await expect(runner.approve(ids, 'c')).rejects.toMatchObject({ code, message });
  });

  it('says that nobody answers, and that another try may help', async () => {
    const runner = restateRunner({ ingress: 'http://127.0.0.1:9' });
    await expect(runner.start(ids)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  });
});

describe('the places of a worker', () => {
  it('go to those who wait in the order in which they came, and not to those who left', async () => {
    const places = new WorkerPlaces(1);
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
});
