import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type TaskClientEvent, TaskExecutionError, taskClient } from '../../../js/client/index.js';
import { tool } from '../../../js/index.js';
import { taskWith } from '../api/fixtures.js';
import { add, heldTool } from '../api/world.js';
import { eventually, serve, site } from '../server/site.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function connected(given: Parameters<typeof site>[0] = {}) {
  const at = site(given);
  const server = await serve(at.routes);
  closing.push(() => server.close());
  const client = taskClient({ url: server.url, headers: { authorization: 'Bearer u' }, retryMs: 5 });
  return { ...at, client, url: server.url };
}

/** What a server of another kind, or in another state, answers. */
async function answering(
  answer: (request: { url: string; headers: Record<string, unknown> }) => [number, string, object?],
) {
  const asked: { url: string; headers: Record<string, unknown> }[] = [];
  const server = createServer((incoming, outgoing) => {
    const request = { url: incoming.url ?? '', headers: incoming.headers };
    asked.push(request);
    const [status, body, headers = {}] = answer(request);
    outgoing.writeHead(status, { ...headers });
    outgoing.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, client: taskClient({ url, retryMs: 1 }) };
}

/** Clients of an app that asks for its token after a sleep: the first never comes. The task has ended, says the server. */
function hanging(place: string) {
  let begun = () => {};
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let calls = 0;
  const token = () => {
    begun();
    calls += 1;
    return calls === 1 ? new Promise<never>(() => {}) : Promise.resolve({ authorization: 'Bearer u' });
  };
  const ended = new Response(null, { status: 204 });
  const client = taskClient({
    url: 'https://app.example/api/tasks',
    ...(place === 'headers()' && { headers: token }),
    fetch: async () => {
      if (place !== 'headers()') await token();
      return ended;
    },
    retryMs: 1,
    stallMs: 50,
  });
  return { client, hasBegun, calls: () => calls };
}
const places = ['headers()', 'a fetch of its own'];

describe('a client of the routes', () => {
  it('makes, lists, watches and commands tasks', async () => {
    const { client } = await connected({ turns: ['Hello.', 'Bye.'], tasks: [], delayMs: 2 });
    const made = await client.create({ title: 'T', milestones: [{ name: 'M', items: [{ name: 'I' }] }] });
    expect(await client.list({ status: 'not_started', limit: 5 })).toEqual({ tasks: [made], total: 1 });
    const task = client.task(made.id);
    expect(await task.get()).toEqual(made);
    const seen: TaskClientEvent[] = [];
    for await (const event of task.events()) {
      seen.push(event);
      if (event.type === 'snapshot') await task.start();
    }
    expect(seen.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['snapshot', 'task:message', 'task:completed']),
    );
    expect(await client.state(made.id)).toMatchObject({ status: 'completed' });
    expect((await task.messages({ limit: 1 }))[0]).toMatchObject({ content: 'Hello.', role: 'assistant' });
    await task.delete();
    expect((await client.list()).tasks).toEqual([]);
  });

  it.each([Number.POSITIVE_INFINITY, 3e9])(
    'takes no silence for a lost connection that is shorter than %s ms (sindresorhus/delay#57)',
    async (stallMs) => {
      const { engine, url } = await connected({ turns: ['Hello.'] });
      let connections = 0;
      const client = taskClient({
        url,
        stallMs,
        headers: { authorization: 'Bearer u' },
        fetch: (...asked) => {
          connections += 1;
          return fetch(...asked);
        },
      });
      const seen: string[] = [];
      for await (const event of client.task('t').events()) {
        seen.push(event.type);
        if (event.type !== 'snapshot') continue;
        setTimeout(() => void engine.executor('t', 'u').start(), 100);
      }
      expect([connections, seen.filter((type) => type === 'snapshot'), seen.at(-1)]).toEqual([
        1,
        ['snapshot'],
        'task:completed',
      ]);
    },
  );

  it('decides calls that wait, sends messages, pauses, stops and resumes', async () => {
    const ask = tool({ description: 'Asks.', inputSchema: { type: 'object' } });
    const use = (name: string) => ({ tools: [{ name, input: { a: 1, b: 2 } }] });
    const { client, engine } = await connected({
      turns: [use('ask'), use('add'), use('add'), 'Done.'],
      host: { tools: { ask, add: tool({ ...add, needsApproval: true }) } },
    });
    const task = client.task('t');
    await task.start();
    const waiting = async () => {
      await eventually(async () => (await task.state()).waiting.length > 0);
      return (await task.state()).waiting[0]?.toolCall.id ?? '';
    };
    await task.answer(await waiting(), { said: 'yes' });
    await eventually(async () => (await task.state()).waiting[0]?.toolCall.name === 'add');
    const first = await waiting();
    await task.approve(first, { note: 'fine' });
    await eventually(async () => ((await task.state()).waiting[0]?.toolCall.id ?? first) !== first);
    await task.pause();
    expect((await task.state()).status).toBe('paused');
    await task.stop('enough');
    await task.resume();
    await task.send('Hurry.');
    await task.reject(await waiting(), 'no');
    await eventually(async () => (await task.state()).status === 'completed');
    const results = await engine.persistence('t', 'u').toolResults();
    expect(results.map(({ status }) => status)).toEqual(['success', 'success', 'error']);
  });

  it('says what is wrong as a TaskExecutionError', async () => {
    const { client } = await connected();
    const wrong = async (work: Promise<unknown>) => {
      const error = await work.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(TaskExecutionError);
      return error;
    };
    expect(await wrong(client.task('none').get())).toMatchObject({
      code: 'TASK_NOT_FOUND',
      message: 'Task not found.',
      retryable: false,
      details: { status: 404 },
    });
    expect(await wrong(client.task('t').resume())).toMatchObject({ code: 'INVALID_TRANSITION' });
    const other = taskClient({ url: 'http://127.0.0.1:1', retryMs: 1 });
    expect(await wrong(other.list())).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    const events = client.task('none').events()[Symbol.asyncIterator]();
    expect(await wrong(events.next())).toMatchObject({ code: 'TASK_NOT_FOUND' });
  });

  it('understands answers that are none of ours', async () => {
    const { client } = await answering(() => [401, '<html>Sign in</html>', { 'content-type': 'text/html' }]);
    await expect(client.list()).rejects.toMatchObject({ code: 'STORE_DENIED', details: { status: 401 } });
    const page = await answering(() => [200, '<html>']);
    await expect(page.client.list()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const nothing = await answering(() => [400, 'null']);
    await expect(nothing.client.list()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('repeats what can be repeated where the server fails, a creation under one key, and no message', async () => {
    let failures = 2;
    const { client, asked } = await answering(() => (failures-- > 0 ? [503, ''] : [201, '{"id":"x"}']));
    await client.create({ title: 'T' });
    expect(new Set(asked.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(asked).toHaveLength(3);
    failures = 1;
    await expect(client.task('x').send('Hello')).rejects.toMatchObject({ retryable: true });
    expect(asked).toHaveLength(4);
  });

  it('asks for headers before every attempt', async () => {
    const { url, asked } = await answering(({ headers }) => [
      headers.authorization === 'Bearer 3' ? 200 : 503,
      '{}',
    ]);
    let token = 0;
    const client = taskClient({
      url,
      retryMs: 1,
      headers: async () => ({ authorization: `Bearer ${++token}` }),
    });
    await client.list();
    expect(asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer 1', 'Bearer 2', 'Bearer 3']);
  });

  it.each(places)('ends a request by its signal while %s hangs', async (place) => {
    const leaving = new AbortController();
    const { client, hasBegun } = hanging(place);
    const listed = client.list({ signal: leaving.signal });
    await hasBegun;
    leaving.abort();
    await expect(listed).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  const circle: Record<string, unknown> = {};
  circle.self = circle;
  it.each<[string, unknown, RegExp]>([
    ['a BigInt', { n: 10n }, /"n" has no JSON form \(BigInt\)/],
    ['a cycle', circle, /circular|cyclic/],
    ['NaN', Number.NaN, /"result" has no JSON form \(NaN\)/],
    ['an infinity', [1, Number.NEGATIVE_INFINITY], /"1" has no JSON form \(-Infinity\)/],
    ['a function', { later: () => 1 }, /"later" has no JSON form \(Function\)/],
    ['a symbol', { mark: Symbol('s') }, /"mark" has no JSON form \(Symbol\)/],
    ['an invalid date', { at: new Date('x') }, /"at" has no JSON form \(Invalid Date\)/],
    ['a Map', { m: new Map([[1, 2]]) }, /"m" has no JSON form \(Map\)/],
    ['a promise', Promise.resolve(1), /"result" has no JSON form \(Promise\)/],
    ['an error', new RangeError('too far'), /"result" has no JSON form \(Error\)/],
    ['bytes', new Uint8Array(2), /"result" has no JSON form \(Uint8Array\)/],
  ])('refuses an answer of which JSON would lose something: %s', async (_, result, said) => {
    const { client, asked } = await answering(() => [200, '{}']);
    await expect(client.task('t').answer('c', result)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      retryable: false,
      message: expect.stringMatching(said),
    });
    expect(asked).toEqual([]);
  });

  it('sends whatever has a JSON form', async () => {
    const sent: unknown[] = [];
    const client = taskClient({
      url: 'https://app.example/api/tasks',
      async fetch(_, init) {
        sent.push(JSON.parse(String(init?.body)).result);
        return new Response('{}');
      },
    });
    class Point {
      x = 1;
      left = undefined;
    }
    const values = [undefined, null, '', 0, false, [], {}, Object.create(null), new Date(0), new Point()];
    for (const value of [...values, [undefined], Object('boxed'), Object(1), new URL('https://a.example')]) {
      await client.task('t').answer('c', value);
    }
    const empty = [null, null, '', 0, false, [], {}, {}];
    const date = '1970-01-01T00:00:00.000Z';
    expect(sent).toEqual([...empty, date, { x: 1 }, [null], 'boxed', 1, 'https://a.example/']);
  });

  it('says once, and in words, that what was given cannot be sent', async () => {
    const fetched = vi.fn(async () => new Response('{}'));
    let tries = 0;
    const clientOf = (headers: Record<string, string>) =>
      taskClient({
        url: 'https://app.example/api/tasks',
        retryMs: 1,
        fetch: fetched,
        headers() {
          tries += 1;
          return headers;
        },
      });
    const beyond = clientOf({ 'x-name': 'Zoë €' });
    const refused = (argument: string) => ({
      code: 'INVALID_ARGUMENT',
      retryable: false,
      message: expect.stringMatching(`${argument} cannot be sent: .+`),
    });
    await expect(beyond.list()).rejects.toMatchObject(refused('headers'));
    await expect(collect(beyond.task('t').events())).rejects.toMatchObject(refused('headers'));
    const client = clientOf({ 'x-name': 'Zoë' });
    const key = { idempotencyKey: 'Zoë €' };
    await expect(client.create({ title: 'T' }, key)).rejects.toMatchObject(refused('idempotency-key'));
    await expect(collect(client.task('t').events({ after: '€' }))).rejects.toMatchObject(
      refused('last-event-id'),
    );
    const metadata = { n: 10n } as never;
    await expect(client.create({ title: 'T', metadata })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(tries).toBeLessThanOrEqual(5);
    expect(fetched).not.toHaveBeenCalled();
  });

  it('says that its url leads nowhere, where there is no page that it could belong to', async () => {
    const client = taskClient({ url: '/api/tasks', retryMs: 1 });
    const refused = { code: 'INVALID_ARGUMENT', retryable: false, details: { argument: 'url' } };
    await expect(client.list()).rejects.toMatchObject(refused);
    await expect(collect(client.task('t').events())).rejects.toMatchObject(refused);
  });
});

describe('following a task', () => {
  it('goes on where it was when the connection breaks, again and again', async () => {
    const items = ['One', 'Two', 'Three', 'Four', 'Five', 'Six'];
    const { ask, routes, engine } = site({
      turns: items.map((i) => `${i} is done.`),
      tasks: [taskWith(items)],
      delayMs: 3,
    });
    const server = await serve(routes);
    closing.push(() => server.close());
    let requests = 0;
    const client = taskClient({
      url: server.url,
      headers: { authorization: 'Bearer u' },
      retryMs: 5,
      // every connection breaks, each a little later than the one before
      async fetch(input, init) {
        const response = await fetch(input, init);
        requests += 1;
        let left = 300 * requests;
        const cut = new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            controller.enqueue(chunk.slice(0, Math.max(0, left)));
            left -= chunk.byteLength;
            if (left <= 0) controller.error(new TypeError('network error'));
          },
        });
        return new Response(response.body?.pipeThrough(cut), response);
      },
    });
    const ids: string[] = [];
    await ask('POST', '/t/start');
    for await (const event of client.task('t').events({ after: '0' })) {
      if ('id' in event && event.id !== undefined) ids.push(event.id);
      if (requests > 200) throw new Error('it goes round in circles');
    }
    const stored: string[] = [];
    for await (const event of engine.lifecycle('t', 'u').events({ after: '0' })) {
      if (event.id !== undefined) stored.push(event.id);
      if (event.type === 'task:completed') break;
    }
    expect(requests).toBeGreaterThan(5);
    expect(ids).toEqual(stored);
  }, 20_000);

  it('says when a connection stands and when it is lost', async () => {
    const { routes } = site();
    const server = await serve(routes);
    let isAway = false;
    const said: boolean[] = [];
    const client = taskClient({
      url: server.url,
      headers: { authorization: 'Bearer u' },
      retryMs: 5,
      fetch: (input, init) => (isAway ? Promise.reject(new TypeError('away')) : fetch(input, init)),
    });
    const leaving = new AbortController();
    const onConnection = (isConnected: boolean) => said.push(isConnected);
    const events = client.task('t').events({ signal: leaving.signal, onConnection })[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ type: 'snapshot' });
    expect(said).toEqual([true]);
    const next = events.next();
    isAway = true;
    await server.close();
    await eventually(() => said.filter((each) => !each).length > 1);
    const again = await serve(routes, Number(new URL(server.url).port));
    closing.push(() => again.close());
    isAway = false;
    await eventually(() => said.at(-1) === true);
    leaving.abort();
    expect(await next).toMatchObject({ done: true });
  });

  it.each([
    ['at once where connections stood, however little was said', 10_000, 30],
    ['later each time where the server closes them at once', 10, 1],
  ])('comes back %s', async (_how, livesMs, least) => {
    vi.useFakeTimers();
    const lost: number[] = [];
    const pauses: number[] = [];
    const client = taskClient({
      url: 'https://app.example/api/tasks',
      async fetch() {
        const since = lost.at(-1);
        if (since !== undefined) pauses.push(Date.now() - since);
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('retry: 1000\n:\n\n'));
            setTimeout(() => controller.close(), livesMs);
          },
        });
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
      },
    });
    const leaving = new AbortController();
    const onConnection = (isConnected: boolean) => isConnected || lost.push(Date.now());
    const how = { after: '1', signal: leaving.signal, onConnection };
    const done = client.task('t').events(how)[Symbol.asyncIterator]().next();
    await vi.advanceTimersByTimeAsync(60 * 11_000);
    leaving.abort();
    // The last connection, which nobody breaks.
    await vi.advanceTimersByTimeAsync(livesMs);
    await done;
    vi.useRealTimers();
    expect(pauses.length).toBeGreaterThan(least);
    if (livesMs > 1_000) expect(Math.max(...pauses)).toBeLessThanOrEqual(1_000);
    else expect(Math.max(...pauses)).toBeGreaterThan(10_000);
  });

  it('comes back after the server was away, and after it ended the stream by itself', async () => {
    const first = site({ turns: ['Done.'], stream: { lifetimeMs: 40 } });
    let server = await serve(first.routes);
    const { port } = new URL(server.url);
    const client = taskClient({ url: server.url, headers: { authorization: 'Bearer u' }, retryMs: 10 });
    const seen: string[] = [];
    const done = (async () => {
      for await (const { type } of client.task('t').events()) seen.push(type);
    })();
    await eventually(() => seen.includes('snapshot'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await server.close();
    await new Promise((resolve) => setTimeout(resolve, 60));
    server = await serve(first.routes, Number(port));
    closing.push(() => server.close());
    await first.ask('POST', '/t/start');
    await done;
    expect(seen.filter((type) => type === 'snapshot')).toHaveLength(1);
    expect(seen.filter((type) => type === 'task:completed')).toHaveLength(1);
  });

  it('ends at once by its signal, in mid-wait too, and leaves no connection behind', async () => {
    const { client, url } = await connected();
    const leaving = new AbortController();
    const { signal } = leaving;
    const seen: string[] = [];
    for await (const { type } of client.task('t').events({ signal })) {
      seen.push(type);
      setTimeout(() => leaving.abort(), 20);
    }
    expect(seen).toEqual(['snapshot']);
    const away = taskClient({ url: url.replace('/api', '/no'), headers: { authorization: 'Bearer u' } });
    await expect(collect(away.task('t').events({ signal }))).resolves.toEqual([]);
  });

  it.each(places)('tries again when %s has hung for as long as a silent connection may', async (place) => {
    const { client, calls } = hanging(place);
    expect([await collect(client.task('t').events()), calls()]).toEqual([[], 2]);
  });

  it.each(places)('ends by its signal while %s hangs', async (place) => {
    const leaving = new AbortController();
    const { client, hasBegun } = hanging(place);
    const followed = collect(client.task('t').events({ signal: leaving.signal }));
    await hasBegun;
    leaving.abort();
    expect(await followed).toEqual([]);
  });

  it('ends with TASK_NOT_FOUND where the task is deleted meanwhile', async () => {
    const { client, ask } = await connected({ stream: { heartbeatMs: 5 } });
    const following = collect(
      (async function* () {
        for await (const event of client.task('t').events()) {
          yield event;
          if (event.type === 'snapshot') await ask('DELETE', '/t');
        }
      })(),
    );
    await expect(following).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
  });

  it('leaves no connection behind when the loop is left', async () => {
    const at = site();
    const sockets: Socket[] = [];
    const server = await serve(at.routes, 0, (socket) => sockets.push(socket));
    closing.push(() => server.close());
    const client = taskClient({ url: server.url, headers: { authorization: 'Bearer u' } });
    let first: Socket | undefined;
    for await (const _ of client.task('t').events()) {
      [first] = sockets;
      break;
    }
    // undici opens another one by itself, for requests to come
    await eventually(() => first?.destroyed === true);
  });

  it('waits as long as the server asks for, where there are too many streams', async () => {
    let asked = 0;
    const { client } = await answering(() => {
      asked += 1;
      if (asked === 1) return [429, '{"code":"TOO_MANY_REQUESTS"}', { 'retry-after': '1' }];
      return [204, ''];
    });
    const began = performance.now();
    expect(await collect(client.task('t').events())).toEqual([]);
    expect(performance.now() - began).toBeGreaterThan(950);
  });

  it('takes no text twice when it joins in mid-turn', async () => {
    const { held, isCalled, release } = heldTool();
    const { client } = await connected({
      turns: [{ text: 'Let me see. ', tools: [{ name: 'held', input: {} }] }, 'All is well.'],
      host: { tools: { held } },
      delayMs: 2,
    });
    const task = client.task('t');
    await task.start();
    await isCalled;
    const saved: string[] = [];
    for await (const event of task.events()) {
      if (event.type === 'snapshot') {
        saved.push(
          ...event.messages.filter(({ role }) => role === 'assistant').map(({ content }) => content),
        );
        release('ok');
      }
      if (event.type === 'task:message_saved' && event.role === 'assistant') saved.push(event.content);
    }
    expect(saved).toEqual(['Let me see. ', 'All is well.']);
  });
});

async function collect<T>(events: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const event of events) all.push(event);
  return all;
}
