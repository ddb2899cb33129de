import { describe, expect, it, vi } from 'vitest';
import { configureTaskExecution, memoryStore } from '../../../js/index.js';
import { createTaskRoutes } from '../../../js/server/index.js';
import { taskWith } from '../api/fixtures.js';
import { bearer, origin, site } from './site.js';

const everyRoute: [method: string, path: string, body?: unknown][] = [
  ['GET', ''],
  ['GET', '/state'],
  ['GET', '/messages'],
  ['GET', '/events'],
  ['DELETE', ''],
  ['PATCH', '', { title: 'Mine' }],
  ['PATCH', '/status', { status: 'paused' }],
  ['PATCH', '/progress', { percentage: 50 }],
  ['POST', '/milestones', { milestone_id: 'x', name: 'X' }],
  ['PATCH', '/milestones/m', { name: 'X' }],
  ['POST', '/milestones/m/complete'],
  ['POST', '/milestones/m/items', { task_item_id: 'x', name: 'X' }],
  ['PATCH', '/milestones/m/items/i1', { name: 'X' }],
  ['POST', '/milestones/m/items/i1/complete'],
  ['POST', '/messages', { role: 'user', content: 'Hello' }],
  ['POST', '/start'],
  ['POST', '/run'],
  ['POST', '/resume'],
  ['POST', '/pause'],
  ['POST', '/stop', { reason: 7 }],
  ['POST', '/approve', { toolCallId: 'c' }],
  ['POST', '/reject', '{ broken'],
  ['POST', '/answer', { toolCallId: 'c', result: 1 }],
  ['POST', '/send', { message: 'Hello' }],
];

async function whole(response: Response): Promise<unknown> {
  return [response.status, [...response.headers], await response.text()];
}

describe('tasks of others', () => {
  it('are, on every route, byte for byte what missing ones are', async () => {
    const { ask } = site({
      tasks: [taskWith(['Do it'], { id: 'theirs', user_id: 'other' }), taskWith(['Do it'], { id: 'kept' })],
      authorize: ({ taskId }) => taskId !== 'kept',
    });
    for (const [method, path, body] of everyRoute) {
      const missing = await whole(await ask(method, `/missing${path}`, { body }));
      expect(missing, path).toMatchObject([
        404,
        expect.anything(),
        expect.stringContaining('TASK_NOT_FOUND'),
      ]);
      for (const id of ['theirs', 'kept', '__x__', 'a%2Fb', '..%2F..%2Fother']) {
        expect(await whole(await ask(method, `/${id}${path}`, { body })), `${method} ${id}${path}`).toEqual(
          missing,
        );
      }
    }
  });

  it('are left as they were', async () => {
    const { ask, host } = site({ tasks: [taskWith(['Do it'], { id: 'kept' })], authorize: () => false });
    const before = await host.store.read(['users/u/tasks/kept']);
    for (const [method, path, body] of everyRoute) await ask(method, `/kept${path}`, { body });
    expect((await host.store.read(['users/u/tasks/kept']))[0]?.version).toBe(before[0]?.version);
    expect(await host.store.list('users/u/tasks/kept/engine', { limit: 1 })).toEqual([]);
  });

  it('are asked about by command, so that an app can let people look and not touch', async () => {
    const { ask } = site({ authorize: async ({ command, userId }) => command === 'read' && userId === 'u' });
    expect((await ask('GET', '/t')).status).toBe(200);
    expect((await ask('POST', '/t/start')).status).toBe(404);
  });

  it('are kept where authorize answers anything but true', async () => {
    const { ask } = site({ authorize: (() => 'yes') as never });
    expect((await ask('GET', '/t')).status).toBe(404);
  });
});

describe('who asks', () => {
  it.each([
    [null, 401],
    [undefined, 401],
    ['', 401],
    ['a/b', 401],
    ['__proto__', 401],
    [42, 401],
  ])('is nobody where user says %j', async (said, status) => {
    const { ask } = site({ user: () => said as never });
    const response = await ask('GET', '');
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('gets the answer of the app where user makes one', async () => {
    const { ask } = site({ user: () => Response.redirect('https://app.example/login', 303) });
    expect((await ask('GET', '')).headers.get('location')).toBe('https://app.example/login');
  });

  it('hears nothing of what failed on the server, and the logger all of it', async () => {
    const { ask, lines } = site({
      user: () => {
        throw new Error('password of the session database: hunter2');
      },
    });
    const response = await ask('GET', '');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('hunter2');
    expect(lines.join('\n')).toContain('hunter2');
  });

  it('has to be asked for: routes without user are refused when they are made', () => {
    expect(() => createTaskRoutes({} as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('finds what was configured where the routes have no engine of their own', async () => {
    configureTaskExecution({ store: memoryStore({ tasks: [taskWith(['Do it'])] }) });
    const { GET } = createTaskRoutes({ user: bearer });
    const response = await GET(
      new Request(`${origin}/api/tasks/t`, { headers: { authorization: 'Bearer u' } }),
    );
    expect(await response.json()).toMatchObject({ id: 't' });
  });

  it('asks nothing that was configured where the routes have an engine of their own', async () => {
    const asked = vi.fn(() => {
      throw new Error('no tenant');
    });
    configureTaskExecution(asked);
    const { ask } = site({ turns: ['Done.'] });
    const message = { role: 'user', content: 'Hello' };
    const status = async (method: string, path: string, body?: unknown) => {
      const response = await ask(method, path, { body });
      await response.body?.cancel();
      return response.status;
    };
    expect(await status('POST', '', { title: 'Another' })).toBe(201);
    expect(await status('POST', '/t/messages', message)).toBe(201);
    expect(await status('PATCH', '/t', { title: 'New' })).toBe(200);
    for (const path of ['', '/t', '/t/state', '/t/messages', '/t/events']) {
      expect(await status('GET', path)).toBe(200);
    }
    for (const command of ['start', 'pause', 'stop']) {
      expect(await status('POST', `/t/${command}`)).toBe(202);
    }
    expect(await status('DELETE', '/t')).toBe(204);
    expect(asked).not.toHaveBeenCalled();
  });
});

describe('a request that changes something', () => {
  const cookie = (headers: Record<string, string>, options = {}) => {
    const { ask } = site({ user: () => 'u', ...options });
    const body = { message: 'Hello' };
    return ask('POST', '/t/send', { body, headers: { authorization: '', cookie: 'session=1', ...headers } });
  };

  it.each([
    ['of the same origin, as browsers say', { 'sec-fetch-site': 'same-origin' }, 202],
    ['of the same origin, of an older browser', { origin }, 202],
    [
      'behind a proxy, where the URL is another',
      { 'sec-fetch-site': 'same-origin', origin: 'https://public.example' },
      202,
    ],
    ['of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 403],
    ['of another subdomain', { 'sec-fetch-site': 'same-site', origin: 'https://evil.app.example' }, 403],
    ['of a page that lies about nothing but its origin', { 'sec-fetch-site': 'cross-site', origin }, 403],
    ['of a sandboxed frame', { origin: 'null' }, 403],
    ['that says nothing of where it comes from', {}, 403],
    ['with Basic credentials', { authorization: 'Basic dTpw' }, 403],
    ['with an empty Bearer token', { authorization: 'Bearer ' }, 403],
    ['with a Bearer token', { authorization: 'Bearer u' }, 202],
  ])('%s', async (_, headers, status) => {
    expect((await cookie(headers as Record<string, string>)).status).toBe(status);
  });

  it('of an origin that the app names', async () => {
    const origins = ['https://admin.example'];
    const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://admin.example' };
    expect((await cookie(headers, { origins })).status).toBe(202);
  });

  it('has a body of JSON that is no larger than it may be', async () => {
    const { ask } = site({ limits: { bodyBytes: 100 } });
    const large = JSON.stringify({ message: 'é'.repeat(60) });
    expect((await ask('POST', '/t/send', { body: large })).status).toBe(413);
    const lied = await ask('POST', '/t/send', { body: large, headers: { 'content-length': '5' } });
    expect(lied.status).toBe(413);
    const text = await ask('POST', '/t/send', { body: '{}', headers: { 'content-type': 'text/plain' } });
    expect([text.status, (await text.json()).code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  it.each([
    ['PUT', '/t', 405],
    ['GET', '/t/start', 405],
    ['POST', '/t', 405],
    ['GET', '/t/nothing', 404],
    ['GET', '/t/constructor', 404],
    ['GET', '/t/state/more', 404],
    ['GET', '/%E0%A4%A', 404],
  ])('%s %s has no route', async (method, path, status) => {
    const { routes } = site();
    const request = new Request(`${origin}/api/tasks${path}`, {
      method,
      headers: { authorization: 'Bearer u' },
    });
    const response = await routes.GET(request);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ status });
  });
});
