import { createServer, type Server, type Socket } from 'node:net';
import { Firestore } from '@google-cloud/firestore';
import { afterEach, expect, test } from 'vitest';
import { firestoreRestStore, firestoreStore } from '../../../js/stores/firestore/index.js';
import type { StoreWrite, TaskStore } from '../../../js/types.js';
import { freePort } from '../emulator.js';
import { emptyProject } from '../project.js';
import { googleCloud } from './databases.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A host that takes connections and says nothing. */
async function silentHost(): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

const write: StoreWrite = { op: 'create', path: 'users/u', data: { a: 1 } };
const calls: Record<string, (store: TaskStore, signal?: AbortSignal) => Promise<unknown>> = {
  read: (store, signal) => store.read(['users/u'], signal ? { signal } : {}),
  commit: (store, signal) => store.commit([write], signal ? { signal } : {}),
  list: (store, signal) => store.list('users', { limit: 1, ...(signal ? { signal } : {}) }),
};
const stores: Record<string, (host: string) => TaskStore> = {
  REST: (host) => firestoreRestStore({ projectId: 'p', host, timeoutMs: 400 }),
  SDK: (host) => {
    const credentials = { client_email: 'a@b.c', private_key: 'x' };
    const db = new Firestore({ projectId: 'p', host, ssl: false, credentials });
    // it is not terminated: that would wait for the very calls that nobody answers
    return firestoreStore(db, { timeoutMs: 400 });
  },
};

for (const [kind, open] of Object.entries(stores)) {
  test.each(Object.entries(calls))(
    `${kind}: a %s that nobody answers fails at its deadline`,
    async (what, call) => {
      const store = open(await silentHost());
      const began = Date.now();
      await expect(call(store)).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringMatching(new RegExp(`${what} was not answered within 400 ms`)),
      });
      expect(Date.now() - began).toBeLessThan(1_500);
    },
  );

  test.each(Object.entries(calls))(`${kind}: a %s whose signal is aborted ends at once`, async (_, call) => {
    const store = open(await silentHost());
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const began = Date.now();
    await expect(call(store, controller.signal)).rejects.toMatchObject({ code: 'unavailable' });
    expect(Date.now() - began).toBeLessThan(390);
  });

  test(`${kind}: a host where nobody listens is unavailable`, async () => {
    const store = open(`127.0.0.1:${await freePort()}`);
    await expect(store.read(['users/u'])).rejects.toMatchObject({ code: 'unavailable' });
  });
}

test('what answers like no Firestore is told by its HTTP status and its first words', async () => {
  const answers: [number, string, string][] = [
    [502, '<html>Bad Gateway</html>', 'unavailable'],
    [200, 'hello', 'unavailable'],
    [200, '{"hello":1}', 'unavailable'],
    [200, 'null', 'unavailable'],
    [200, '[null]', 'unavailable'],
    [401, '', 'denied'],
    [403, '{"error":{"status":"PERMISSION_DENIED","message":"No."}}', 'denied'],
    [
      404,
      '{"error":{"status":"NOT_FOUND","message":"The database (default) does not exist for project p"}}',
      'denied',
    ],
    [429, '{"error":{"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded."}}', 'unavailable'],
  ];
  for (const [status, body, code] of answers) {
    const store = firestoreRestStore({ projectId: 'p', fetch: async () => new Response(body, { status }) });
    const error = await store.read(['users/u']).catch((thrown) => thrown);
    expect([status, error.code]).toEqual([status, code]);
    expect(error.message).toMatch(/^Firestore: the read failed with [A-Z_]+: /);
  }
});

test('a commit that is answered with nothing may have been carried out', async () => {
  for (const body of ['null', '{}']) {
    const store = firestoreRestStore({
      projectId: 'p',
      fetch: async () => new Response(body, { status: 200 }),
    });
    await expect(store.commit([write])).rejects.toMatchObject({ code: 'unavailable' });
  }
});

test('nothing is asked for where no document is wanted', async () => {
  const fetch = () => Promise.reject(new Error('nobody should ask'));
  await expect(firestoreRestStore({ projectId: 'p', fetch }).read([])).resolves.toEqual([]);
});

test('timeoutMs that is no time is refused at once', () => {
  for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31, '5' as never]) {
    expect(() => firestoreRestStore({ projectId: 'p', timeoutMs })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  }
});

test('a token is asked for before every call, and one that throws is told', async () => {
  const tokens = ['one', 'two'];
  const sent: unknown[] = [];
  const store = firestoreRestStore({
    projectId: 'p',
    token: async () => tokens.shift() ?? Promise.reject(new Error('signed out')),
    fetch: async (_: string, init: any) => {
      sent.push(init.headers.authorization);
      return new Response('[]', { status: 200 });
    },
  });
  await store.list('users', { limit: 1 });
  await store.list('users', { limit: 1 });
  expect(sent).toEqual(['Bearer one', 'Bearer two']);
  await expect(store.list('users', { limit: 1 })).rejects.toMatchObject({
    code: 'unavailable',
    message: 'Firestore: token() failed: signed out',
  });
});

test('what is no database is refused at once, with what to pass instead', () => {
  for (const db of [undefined, null, {}, 'db']) {
    expect(() => firestoreStore(db as never)).toThrow(/getFirestore\(\)/);
  }
  expect(() => firestoreRestStore(undefined as never)).toThrow(/projectId/);
  expect(() => firestoreRestStore({ projectId: '' })).toThrow(/projectId/);
  expect(() => firestoreRestStore({ projectId: 'p', databaseId: 'a/b' })).toThrow(/databaseId/);
});

test('a db that another copy of the SDK made is told, and the classes can be given', async () => {
  const { db, end } = googleCloud(emptyProject());
  ends.push(end);
  const disguised = new Proxy(db, {
    get: (target, name) => {
      if (name === 'constructor') return Object;
      const member = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
    getPrototypeOf: () => Object.prototype,
  });
  await expect(firestoreStore(disguised, { emulator: true }).commit([write])).rejects.toThrow(
    /FieldPath, FieldValue, Timestamp/,
  );
  const { FieldPath, FieldValue, Timestamp } = await import('@google-cloud/firestore');
  const store = firestoreStore(disguised, { emulator: true, sdk: { FieldPath, FieldValue, Timestamp } });
  await expect(store.commit([write])).resolves.toMatchObject({ version: expect.any(String) });
});
