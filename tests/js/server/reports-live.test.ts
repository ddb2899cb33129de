/** What users of other systems reported, tried here: live text on several instances, slow readers, forged requests, keys. */
import { describe, expect, it, vi } from 'vitest';
import { configureTaskExecution, memoryStore } from '../../../js/index.js';
import type { TaskStreamEvent } from '../../../js/server/index.js';
import type { TaskStore } from '../../../js/types.js';
import { elsewhere } from '../api/elsewhere.js';
import { taskWith } from '../api/fixtures.js';
import { eventually, site } from './site.js';

vi.setConfig({ testTimeout: 60_000 });

const live = 'users/u/tasks/t/engine/live';

async function eventsOf(response: Response): Promise<TaskStreamEvent[]> {
  const whole = await response.text();
  return [...whole.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json as string));
}

/** One instance that runs tasks, and one on the same data that does not. */
function instances(given: Parameters<typeof site>[0]) {
  const store = memoryStore({ tasks: [taskWith(['Do it'])] });
  const here = site({ liveMs: 100, ...given, host: { store, ...given?.host } });
  const far = elsewhere(store);
  const there = site({ host: { store: far, model: undefined } });
  return { store, here, there, far };
}

describe('live text on an instance that does not run the task', () => {
  it('of an attempt that broke is told apart from that of the next (HKUDS/nanobot#4038, google-gemini/gemini-cli#7428, ducks/claux#15)', async () => {
    const turns = [
      { text: 'Here is the plan. '.repeat(10), fail: 'cut' as const },
      'And this is what counts. '.repeat(10).trim(),
    ];
    const { here, there } = instances({
      turns,
      delayMs: 40,
      host: { defaults: { retry: { baseMs: 1, maxMs: 1 } } },
    });
    const seeing = eventsOf(await there.ask('GET', '/t/events'));
    await here.ask('POST', '/t/start');
    const said = new Map<number, string>();
    const events = await seeing;
    for (const event of events) {
      if (event.type !== 'task:message') continue;
      const before = said.get(event.attempt) ?? '';
      expect(event.offset).toBe(before.length);
      said.set(event.attempt, before + event.content);
    }
    expect(said.size).toBe(2);
    expect(turns[1]?.toString().startsWith(said.get(2) ?? '?')).toBe(true);
    expect(events.at(-1)?.type).toBe('end');
  });

  it('is gone when the task is stopped from there, and no reload brings it back (vercel/ai#6502, vercel/ai#18458)', async () => {
    const { here, there, store } = instances({ turns: [{ text: 'Half of it', fail: 'stall' }] });
    await here.ask('POST', '/t/start');
    await eventually(async () => (await store.read([live]))[0]?.data.text === 'Half of it');
    const before = await there.ask('GET', '/t/events');
    const reader = before.body?.pipeThrough(new TextDecoderStream()).getReader();
    let shown = '';
    while (!shown.includes('"text":{')) shown += (await reader?.read())?.value ?? '';
    await reader?.cancel();
    expect((await there.ask('POST', '/t/stop', { body: { reason: 'enough' } })).status).toBe(202);
    await eventually(async () => (await there.engine.lifecycle('t', 'u').state()).owner === undefined);
    const after = await there.ask('GET', '/t/events');
    const again = after.body?.pipeThrough(new TextDecoderStream()).getReader();
    let snapshot = '';
    while (!snapshot.includes('event: snapshot')) snapshot += (await again?.read())?.value ?? '';
    await again?.cancel();
    expect(snapshot).toContain('"status":"paused"');
    expect(snapshot).not.toContain('Half of it');
  });

  it('costs one listener of each kind for any number of viewers: a hundred is where clients of Firestore stop (googleapis/google-cloud-java#3514, firebase/firebase-js-sdk#4501)', async () => {
    const { here, far } = instances({ turns: ['Some text. '.repeat(40)], delayMs: 20 });
    const watched = new Map<string, number>();
    const store = {
      ...far,
      watch: (paths: string[], onChange: () => void) => {
        for (const path of paths) watched.set(path, (watched.get(path) ?? 0) + 1);
        return far.watch?.(paths, onChange) as () => void;
      },
    };
    const there = site({ host: { store, model: undefined }, limits: { streamsPerUser: 200 } });
    const streams = await Promise.all(Array.from({ length: 150 }, () => there.ask('GET', '/t/events')));
    const seeing = streams.map(eventsOf);
    await here.ask('POST', '/t/start');
    for (const events of await Promise.all(seeing)) {
      expect(events.at(-1)?.type).toBe('end');
      expect(events.some(({ type }) => type === 'task:message')).toBe(true);
    }
    expect(Object.fromEntries(watched)).toEqual({ [live]: 1, 'users/u/tasks/t/journal': 1 });
  });

  it('costs one read of the journal an entry for any number of viewers, also on a host that was configured', async () => {
    const { here, far } = instances({ turns: ['Done.'] });
    let reads = 0;
    const list: TaskStore['list'] = (collection, options) => {
      if (collection.endsWith('/journal')) reads += 1;
      return far.list(collection, options);
    };
    configureTaskExecution({ store: { ...far, list } });
    const there = site({ engine: undefined, limits: { streamsPerUser: 200 } });
    const streams = await Promise.all(Array.from({ length: 50 }, () => there.ask('GET', '/t/events')));
    const frames = streams.map((stream) => stream.body?.pipeThrough(new TextDecoderStream()).getReader());
    const saw = async (reader: (typeof frames)[number], what: string) => {
      for (let text = ''; !text.includes(what); ) text += (await reader?.read())?.value ?? '';
    };
    await Promise.all(frames.map((reader) => saw(reader, 'event: snapshot')));
    // They follow by now, and wait.
    await new Promise((resolve) => setTimeout(resolve, 300));
    reads = 0;
    await here.engine.lifecycle('t', 'u').start();
    await Promise.all(frames.map((reader) => saw(reader, 'event: task:started')));
    expect(reads).toBeGreaterThan(0);
    expect(reads).toBeLessThan(10);
    for (const reader of frames) await reader?.cancel();
  });
});

describe('an event stream', () => {
  it('has a first byte at once, before which proxies hold back the headers (robhunter/agentdeals#1100)', async () => {
    const { ask } = site();
    const reader = (await ask('GET', '/t/events')).body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toMatch(/^retry: \d+\n:\n\n/);
    await reader?.cancel();
  });

  it('has heartbeats between events only, never inside one (chenyme/grok2api#1050)', async () => {
    const { ask } = site({ turns: ['x'.repeat(200_000)], stream: { heartbeatMs: 1 } });
    const reading = ask('GET', '/t/events').then((response) => response.text());
    await ask('POST', '/t/start');
    for (const block of (await reading).split('\n\n').filter((text) => text !== '')) {
      expect(block).toMatch(/^(:|retry: \d+\n:|(id: .*\n)?event: .*\ndata: \{.*\}|id: .*)$/);
    }
  });
});

describe('a request that a browser was made to send', () => {
  const forged = (headers: Record<string, string>, path = '/t/send', body: unknown = { message: 'Pay.' }) => {
    const at = site({ user: () => 'u' });
    const sent = at.ask('POST', path, {
      body,
      headers: { authorization: '', cookie: 'session=1', ...headers },
    });
    return { ...at, sent };
  };

  it.each([
    [
      'of a page of ours that sends no referrer (mrmps/classifier-dev#35, Alfresco/alfresco-community-repo#2413)',
      { 'sec-fetch-site': 'same-origin', origin: 'null' },
      202,
    ],
    ['of a sandboxed frame of another site', { 'sec-fetch-site': 'cross-site', origin: 'null' }, 403],
    ['that says nothing (outsourc-e/hermes-workspace#68)', {}, 403],
    [
      'that needs no preflight (abstxn/lunch-uncle#30)',
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example', 'content-type': 'text/plain' },
      403,
    ],
    [
      'of a form that looks like JSON (OWASP/SecurityShepherd#116)',
      { 'sec-fetch-site': 'same-origin', 'content-type': 'text/plain;application/json' },
      415,
    ],
    ['that a person typed, or an old page opened', { 'sec-fetch-site': 'none' }, 403],
    ['of an origin that only begins like ours', { origin: 'https://app.example.evil.example' }, 403],
  ])('%s', async (_, headers, status) => {
    expect((await forged(headers as Record<string, string>).sent).status).toBe(status);
  });

  it('begins no task without a body either', async () => {
    const { sent, engine } = forged({ 'sec-fetch-site': 'cross-site' }, '/t/start', undefined);
    expect((await sent).status).toBe(403);
    expect((await engine.lifecycle('t', 'u').state()).status).toBe('not_started');
  });
});

describe('an Idempotency-Key', () => {
  it('is of the body that came first, also where others come at the same time (idempot-dev/idempot-js#191, ietf-wg-httpapi/idempotency#22)', async () => {
    const { ask } = site();
    const made = await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        ask('POST', '', { body: { title: n % 2 ? 'A' : 'B' }, headers: { 'idempotency-key': 'k' } }),
      ),
    );
    const answers = await Promise.all(
      made.map(async (response) => ({ ...(await response.json()), status: response.status })),
    );
    const won = answers.filter(({ status }) => status === 201);
    expect(new Set(won.map(({ id, title }) => `${id} ${title}`)).size).toBe(1);
    expect(won).toHaveLength(8);
    for (const lost of answers.filter(({ status }) => status !== 201)) {
      expect(lost).toMatchObject({ status: 409, code: 'IDEMPOTENCY_KEY_REUSED' });
    }
    expect((await (await ask('GET', '')).json()).total).toBe(2);
  });

  it('answers a repeated request as it did the first, whatever the order of its fields (tiana-code/fincore-engine#44)', async () => {
    const { ask } = site();
    const make = (body: string) => ask('POST', '', { body, headers: { 'idempotency-key': 'k' } });
    const first = await make('{"title":"T","description":"D"}');
    const again = await make('{ "description": "D", "title": "T" }');
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect([again.headers.get('location'), await again.json()]).toEqual([
      first.headers.get('location'),
      await first.json(),
    ]);
  });
});
