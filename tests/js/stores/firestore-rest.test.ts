import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { createTaskEngine, TaskExecutionError } from '../../../js/index.js';
import { type FirestoreRestOptions, firestoreRestStore } from '../../../js/stores/firestore/index.js';

const token = 'ya29.secret-of-somebody_0123456789';
const path = 'users/u/tasks/t';
const missing = [{ missing: `projects/p/databases/(default)/documents/${path}` }];

function storeWith(options: Partial<FirestoreRestOptions>) {
  return firestoreRestStore({ projectId: 'p', ...options });
}

/** What a call is rejected with. */
async function failure(options: Partial<FirestoreRestOptions>): Promise<any> {
  return storeWith(options)
    .read([path])
    .then(
      () => expect.unreachable('the call went well'),
      (error: unknown) => error,
    );
}

const unusable: [string, unknown][] = [
  ['a line break at its end', `${token}\n`],
  ['a header smuggled in', `${token}\r\nx-other: 1`],
  ['a space', `Bearer ${token}`],
  ['a NUL', `${token}\0`],
  ['letters beyond ASCII', `${token}é`],
  ['nothing in it', ''],
];

describe('a token', () => {
  test.each(unusable)('with %s is refused before anything is sent, and not quoted', async (_, bad) => {
    const fetch = vi.fn();
    const refused = () => storeWith({ token: bad as string, fetch });
    expect(refused).toThrow(TaskExecutionError);
    expect(refused).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/^firestoreRestStore: token is no value that a header takes/),
      }),
    );
    expect(refused).not.toThrow(/secret/);
    const error = await failure({ token: () => bad as string, fetch });
    expect(error).toMatchObject({
      code: 'denied',
      message: expect.stringMatching(/what token\(\) returned/),
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('secret');
    expect(fetch).not.toHaveBeenCalled();
  });

  test('that is no string is refused by its type', async () => {
    expect(() => storeWith({ token: { token } as never })).toThrow(/must be a string, not object/);
    expect(await failure({ token: (() => 7) as never })).toMatchObject({ code: 'denied' });
  });

  test('that a header takes is sent; none is, where there is none', async () => {
    const sent: unknown[] = [];
    const fetch = async (_: string, init: { headers: Record<string, string> }) => {
      sent.push(init.headers.authorization);
      return new Response(JSON.stringify(missing));
    };
    for (const given of [token, async () => token, undefined, () => undefined as never]) {
      expect(await storeWith({ token: given, fetch }).read([path])).toEqual([null]);
    }
    expect(await storeWith({ host: 'localhost:8080', fetch }).read([path])).toEqual([null]);
    expect(sent).toEqual([`Bearer ${token}`, `Bearer ${token}`, undefined, undefined, 'Bearer owner']);
  });

  test.each<[string, FirestoreRestOptions['fetch']]>([
    [
      'the platform',
      (_, { headers }) => Promise.reject(new TypeError(`bad header: ${headers.authorization}`)),
    ],
    [
      'a client that attaches its request',
      async (_, { headers }) => {
        throw Object.assign(new Error('failed', { cause: new Error(headers.authorization) }), {
          code: 'ECONNRESET',
          config: { headers },
        });
      },
    ],
    ['a proxy', async (_, { headers }) => new Response(`<p>${headers.authorization}</p>`, { status: 502 })],
    ['a proxy that cuts it', async () => new Response(`${'x'.repeat(185)} ${token}`, { status: 502 })],
    [
      'the server',
      async () => {
        const message = `invalid: ${'x'.repeat(460)} ${token}`;
        return new Response(JSON.stringify({ error: { status: 'UNAUTHENTICATED', message } }), {
          status: 401,
        });
      },
    ],
  ])('that %s quotes is in no error, cause or log', async (_, fetch) => {
    const error = await failure({ token, fetch });
    expect(error.code).toMatch(/^(unavailable|denied)$/);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/secret|ya29/);

    const logged: unknown[] = [];
    const log = (...told: unknown[]) => logged.push(told);
    const logger = { debug: log, info: log, warn: log, error: log };
    const engine = createTaskEngine({ store: storeWith({ token, fetch }), logger });
    const ended = await engine.executor('t', 'u').run({ storeTimeoutMs: 100 }).outcome;
    expect(ended.status).toBe('refused');
    expect(inspect([ended, logged], { depth: 12, showHidden: true })).not.toMatch(/secret|ya29/);
  });

  test('that cannot be had leaves none of what was said behind that looks like one', async () => {
    const refresh = async () => {
      throw new Error(
        `400: {"refresh_token":"1//0secretsecretsecretsecret"} ${token} eyJsecret.secret.secret`,
      );
    };
    const error = await failure({ token: refresh });
    expect(error).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('token() failed: 400'),
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('secret');
  });

  test('that will never be there is said by an error of the package', async () => {
    const unconfigured = new TaskExecutionError('NOT_CONFIGURED', 'Nobody is signed in.');
    const refresh = vi.fn(() => Promise.reject(unconfigured));
    expect(await failure({ token: refresh })).toBe(unconfigured);
  });
});

describe('a token that has run out', () => {
  const expired = () =>
    new Response(JSON.stringify({ error: { status: 'UNAUTHENTICATED', message: 'expired' } }), {
      status: 401,
    });
  const commit = { op: 'create', path, data: {} } as const;

  test('is asked for again, once, and a new one is sent with the same call', async () => {
    const tokens = ['old', 'new'];
    const sent: [string | undefined, string][] = [];
    const fetch = async (_: string, { headers, body }: { headers: Record<string, string>; body: string }) => {
      sent.push([headers.authorization, body]);
      if (headers.authorization === 'Bearer old') return expired();
      return new Response(JSON.stringify({ commitTime: '2026-01-01T00:00:00.000001Z' }));
    };
    const store = storeWith({ token: () => tokens.shift() ?? 'none left', fetch });
    expect(await store.commit([commit])).toEqual({ version: '2026-01-01T00:00:00.000001Z' });
    expect(sent).toEqual([
      ['Bearer old', sent[0]?.[1]],
      ['Bearer new', sent[0]?.[1]],
    ]);
  });

  test.each<[string, FirestoreRestOptions['token'], number]>([
    ['the same', () => token, 1],
    ['one that has run out as well', vi.fn().mockReturnValueOnce('a').mockReturnValueOnce('b'), 2],
    ['none, being a text', token, 1],
  ])('is denied where it gives %s', async (_, source, times) => {
    const fetch = vi.fn(async () => expired());
    await expect(storeWith({ token: source, fetch }).commit([commit])).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringContaining('expired'),
    });
    expect(fetch).toHaveBeenCalledTimes(times);
  });

  test('is not what a rule is that lets nobody in', async () => {
    const answer = { error: { status: 'PERMISSION_DENIED', message: 'no' } };
    const fetch = vi.fn(async () => new Response(JSON.stringify(answer), { status: 403 }));
    const source = vi.fn(() => `token-${source.mock.calls.length}`);
    expect(await failure({ token: source, fetch })).toMatchObject({ code: 'denied' });
    expect(fetch).toHaveBeenCalledTimes(1);
  });
});

describe('plain http', () => {
  test.each([
    '127.0.0.1:8080',
    'localhost:8080',
    '[::1]:8080',
    'http://127.0.0.1:8080/',
    'http://LOCALHOST:8080',
    '127.1:8080',
  ])('reaches this machine: %s', async (host) => {
    const asked: string[] = [];
    const fetch = async (url: string) => {
      asked.push(url);
      return new Response(JSON.stringify(missing));
    };
    await storeWith({ host, fetch }).read([path]);
    expect(asked[0]).toMatch(/^http:\/\/(127\.0\.0\.1|localhost|\[::1\]):8080\/v1\/projects\/p\/databases\//);
  });

  test.each([
    'firestore.googleapis.com',
    'http://firestore.googleapis.com',
    'HTTP://10.0.0.5:8080',
    '10.0.0.5:8080',
    '0.0.0.0:8080',
    'emulator:8080',
    '127.0.0.1.example.com:8080',
    'localhost.example.com',
    '[2001:db8::1]:8080',
  ])('reaches no other: %s is refused with what to do', (host) => {
    expect(() => storeWith({ host, token })).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/plain http goes to localhost.*Give host: 'https:.*forward a port/),
      }),
    );
  });

  test.each([
    '',
    ' ',
    'localhost:8080 ',
    'ftp://localhost',
    'localhost:99999',
    'https://',
    'localhost:8080?x',
    'https://h/#x',
    'localhost:80\n80',
    'localhost:8080\\@example.com',
    7,
    null,
  ])('what is no host is refused: %j', (host) => {
    expect(() => storeWith({ host: host as string })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(/host must be/) }),
    );
  });

  test('a password in the host is refused and not quoted', () => {
    for (const host of [
      `https://${token}@example.com`,
      `http://u:${token}@localhost:8080`,
      `${token}@localhost`,
    ]) {
      expect(() => storeWith({ host })).toThrow(/host must not hold a user and password/);
      expect(() => storeWith({ host })).not.toThrow(/secret/);
    }
  });

  test('https reaches any host, below any path; nobody is followed elsewhere', async () => {
    const asked: [string, string][] = [];
    const fetch = async (url: string, { redirect }: { redirect: string }) => {
      asked.push([url, redirect]);
      return new Response('', { status: 307, headers: { location: 'http://example.com' } });
    };
    const store = storeWith({ host: 'https://example.com:8443/firestore/', token, fetch });
    await expect(store.read([path])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('HTTP 307'),
    });
    expect(asked).toEqual([
      ['https://example.com:8443/firestore/v1/projects/p/databases/(default)/documents:batchGet', 'manual'],
    ]);
  });
});
