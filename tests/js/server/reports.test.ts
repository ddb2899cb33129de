/** What users of other systems of this kind have reported, tried here; each test names the report. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { localFollowers } from '../../../js/api/registry.js';
import { taskClient } from '../../../js/client/index.js';
import { tool } from '../../../js/index.js';
import { resumeUnfinished } from '../../../js/server/index.js';
import { sqliteStore } from '../../../js/stores/sqlite.js';
import { taskWith } from '../api/fixtures.js';
import { add, heldTool } from '../api/world.js';
import { eventually, origin, site } from './site.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function scripted(answers: ((outgoing: import('node:http').ServerResponse) => void)[]) {
  const cursors: unknown[] = [];
  const server = createServer((incoming, outgoing) => {
    cursors.push(incoming.headers['last-event-id'] ?? null);
    const answer = answers[cursors.length - 1];
    if (answer === undefined) outgoing.writeHead(204).end();
    else {
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
      outgoing.flushHeaders();
      answer(outgoing);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cursors };
}

async function drained(events: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** What a drain of this process would close. */
function openAtDrain(): number {
  return localFollowers().size;
}

describe('a client', () => {
  it('comes back to where it began when a resumed stream breaks before any event (modelcontextprotocol/typescript-sdk#2499)', async () => {
    const { url, cursors } = await scripted([
      (out) => out.end(),
      (out) => out.destroy(),
      (out) => out.end(':\n\n'),
    ]);
    await drained(taskClient({ url, retryMs: 1 }).task('t').events({ after: '7.1' }));
    expect(cursors).toEqual(['7.1', '7.1', '7.1', '7.1']);
  });

  it('does not take a connection that a load balancer closes well for the end of the task (redpanda-data/console#2406)', async () => {
    const event = (id: string) => `id: ${id}\ndata: ${JSON.stringify({ type: 'task:usage', id })}\n\n`;
    const { url, cursors } = await scripted([(out) => out.end(event('1.0')), (out) => out.end(event('2.0'))]);
    const seen = await drained(taskClient({ url, retryMs: 1 }).task('t').events());
    expect([seen.length, cursors]).toEqual([2, [null, '1.0', '2.0']]);
  });

  it('notices a connection that is open and dead, as after sleep (EventSource/eventsource#134)', async () => {
    const { url, cursors } = await scripted([
      (out) => void out.write('id: 3.0\ndata: {"type":"task:usage"}\n\n'),
      () => {},
    ]);
    await drained(taskClient({ url, retryMs: 1, stallMs: 2_000 }).task('t').events());
    expect(cursors).toEqual([null, '3.0', '3.0']);
  });
});

describe('an event stream', () => {
  it('has ids of nothing but stored facts, so that no control frame moves a cursor past them (NVIDIA-AI-Blueprints/aiq#272)', async () => {
    const { ask, engine } = site({ turns: ['One.'], stream: { heartbeatMs: 5 }, delayMs: 8 });
    const reading = ask('GET', '/t/events').then((response) => response.text());
    await ask('POST', '/t/start');
    const ids = [...(await reading).matchAll(/^id: (.*)$/gm)].map(([, id]) => id);
    const stored: string[] = [];
    for await (const { id, type } of engine.lifecycle('t', 'u').events({ after: '0' })) {
      if (id !== undefined) stored.push(id);
      if (type === 'task:completed') break;
    }
    expect(ids.slice(1)).toEqual(stored.slice(-ids.length + 1));
  });

  it('crashes no process by a heartbeat after the client has gone (inngest/inngest-js#1475)', async () => {
    const thrown: unknown[] = [];
    const note = (error: unknown) => thrown.push(error);
    process.on('uncaughtException', note).on('unhandledRejection', note);
    closing.push(() => process.off('uncaughtException', note).off('unhandledRejection', note));
    const { ask } = site({ stream: { heartbeatMs: 1 } });
    for (let i = 0; i < 20; i += 1) {
      const reader = (await ask('GET', '/t/events')).body?.getReader();
      await reader?.read();
      void reader?.read().catch(() => {});
      await reader?.cancel();
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(thrown).toEqual([]);
  });

  it.each(['by its signal alone (lobu-ai/lobu#833)', 'by the cancelled body alone (TanStack/router#3635)'])(
    'is left %s, whichever of them the platform tells',
    async (how) => {
      const { routes } = site({ limits: { streamsPerUser: 1 } });
      const before = openAtDrain();
      for (let i = 0; i < 3; i += 1) {
        const gone = new AbortController();
        const headers = { authorization: 'Bearer u' };
        const response = await routes.GET(
          new Request(`${origin}/api/tasks/t/events`, { headers, signal: gone.signal }),
        );
        expect(response.status).toBe(200);
        if (how.startsWith('by its signal')) gone.abort();
        else await response.body?.cancel();
      }
      expect(openAtDrain()).toBe(before);
    },
  );

  it('ends where the task ends between the look at it and the first read (topcheer/ggcode#1088, iii-hq/workers#50)', async () => {
    const { ask, engine } = site({ turns: ['Done.'] });
    const early = await ask('GET', '/t/events');
    const resumed = await ask('GET', '/t/events?after=0');
    await ask('POST', '/t/start');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    for (const response of [early, resumed])
      expect(await response.text()).toMatch(/event: end\ndata: .*\n\n$/);
  });

  it('ends where others have completed the task that nobody runs, which no fact tells (a2aproject/a2a-dotnet#340)', async () => {
    const { ask } = site({ stream: { heartbeatMs: 5 } });
    const response = await ask('GET', '/t/events');
    await ask('PATCH', '/t/status', { body: { status: 'completed' } });
    expect(await response.text()).toMatch(/event: end\ndata: .*\n\n$/);
  });

  it('lets the run go on when the viewer leaves (a2aproject/a2a-dotnet#340)', async () => {
    const { held, isCalled, release } = heldTool();
    const { ask, engine } = site({
      turns: [{ tools: [{ name: 'held', input: {} }] }, 'Done.'],
      host: { tools: { held } },
    });
    await ask('POST', '/t/start');
    const reader = (await ask('GET', '/t/events')).body?.getReader();
    await isCalled;
    await reader?.cancel();
    release('ok');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
  });

  it('of a task that is over says so to who comes back, at once (a2aproject/A2A#174, cloudflare/agents#1054)', async () => {
    const { ask, engine } = site({ turns: ['Done.'] });
    await ask('POST', '/t/start');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    const whole = await (await ask('GET', '/t/events?after=0')).text();
    const last = [...whole.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '';
    expect((await ask('GET', `/t/events?after=${last}`)).status).toBe(204);
  });
});

describe('the stream of a user', () => {
  it.each([
    ['cross-site', {}, 403],
    ['same-site', {}, 403],
    ['cross-site', { origin: 'https://admin.example' }, 200],
    ['cross-site', { authorization: 'Bearer u' }, 200],
    ['same-origin', {}, 200],
    ['none', {}, 200],
  ])(
    'is not held open by a page that is %s %j (AdventureX-Ciallo/insightforge#28)',
    async (from, more, status) => {
      const { ask } = site({ user: () => 'u', origins: ['https://admin.example'] });
      const headers = { authorization: '', 'sec-fetch-site': from, ...more };
      const response = await ask('GET', '/t/events', { headers });
      expect(response.status).toBe(status);
      await response.body?.cancel();
    },
  );
});

describe('a call that waits for a person', () => {
  it('is decided once, by however many requests at once (OpenRouterTeam/typescript-sdk#518, langchain-ai/langgraph#4397)', async () => {
    let paid = 0;
    const pay = tool({
      description: 'Pays.',
      inputSchema: { type: 'object' },
      needsApproval: true,
      execute: () => {
        paid += 1;
        return 'paid';
      },
    });
    const { ask, engine } = site({
      turns: [{ tools: [{ name: 'pay', input: {} }] }, 'Done.'],
      host: { tools: { pay }, defaults: { whileWaiting: 'yield' } },
    });
    await ask('POST', '/t/start');
    const state = () => engine.lifecycle('t', 'u').state();
    await eventually(async () => (await state()).unfinished && (await state()).waiting.length > 0);
    const toolCallId = (await state()).waiting[0]?.toolCall.id;
    const decided = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        ask('POST', i % 2 ? '/t/approve' : '/t/reject', { body: { toolCallId } }),
      ),
    );
    expect(decided.map(({ status }) => status).sort()).toEqual([202, ...Array(7).fill(409)]);
    await eventually(async () => (await state()).status === 'completed');
    const approved = decided.findIndex(({ status }) => status === 202) % 2 === 1;
    expect(paid).toBe(approved ? 1 : 0);
  });
});

describe('a sweep', () => {
  it('runs a task once, however many timers fire at once, and none that runs (tobymao/saq#277)', async () => {
    const { held, isCalled, release } = heldTool();
    let calls = 0;
    const counted = {
      ...held,
      execute: (...args: [unknown, never]) => {
        calls += 1;
        return held.execute?.(...args);
      },
    };
    const { engine } = site({
      tasks: [taskWith(['I'], { status: 'in_progress' })],
      turns: [{ tools: [{ name: 'held', input: {} }] }, 'Done.'],
      host: { tools: { held: counted } },
    });
    const secret = 'a secret of the timer';
    const sweep = resumeUnfinished({ secret, engine });
    const fire = async () =>
      (await sweep(new Request(origin, { headers: { authorization: `Bearer ${secret}` } }))).json();
    await Promise.all([fire(), fire(), fire()]);
    await isCalled;
    expect(await fire()).toEqual({ found: 0, resumed: 0 });
    release('ok');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    expect(calls).toBe(1);
  });
});

describe('an Idempotency-Key', () => {
  it('makes one task of twenty requests at once, in two processes, and after a restart (LikeLionTeam4/slash-api#70, langgenius/dify#39685, ulsklyc/yuvomi#822)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'reports-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const open = () => {
      const store = sqliteStore({ file: join(folder, 'tasks.db') });
      closing.push(() => store.close());
      return site({ host: { store } });
    };
    const [one, two] = [open(), open()];
    const ask = ({ ask }: ReturnType<typeof open>) =>
      ask('POST', '', { body: { title: 'T' }, headers: { 'idempotency-key': 'k' } });
    const made = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(i % 2 ? one : two)));
    expect(made.map(({ status }) => status)).toEqual(Array(20).fill(201));
    made.push(await ask(open()));
    expect(new Set(await Promise.all(made.map(async (response) => (await response.json()).id))).size).toBe(1);
    expect((await (await one.ask('GET', '')).json()).total).toBe(1);
  });

  it('is of the user who sent it, and says nothing of others (lezli01/vincent#146)', async () => {
    const { ask } = site();
    const make = (user: string, title: string) =>
      ask('POST', '', { user, body: { title }, headers: { 'idempotency-key': 'k' } });
    const [a, b] = [await (await make('a', 'A')).json(), await (await make('b', 'B')).json()];
    expect([a.title, b.title, a.id === b.id]).toEqual(['A', 'B', false]);
    expect((await ask('GET', `/${a.id}`, { user: 'b' })).status).toBe(404);
  });
});

describe('a replay', () => {
  it('of a long history is sent piece by piece, at the reader’s pace (vercel-labs/open-agents#251)', async () => {
    // More entries than one reading of the journal brings.
    const turn = { text: 'x'.repeat(1_000), tools: [{ name: 'add', input: { a: 1, b: 2 } }] };
    const turns = [...Array.from({ length: 110 }, () => turn), 'Done.'];
    const defaults = { limits: { identicalToolCalls: Number.POSITIVE_INFINITY } };
    let ended: Promise<unknown> = Promise.resolve();
    const keepAlive = (run: Promise<unknown>) => {
      ended = run;
    };
    const { ask } = site({ turns, host: { tools: { add }, defaults }, run: { keepAlive } });
    await ask('POST', '/t/start');
    await ended;
    let largest = 0;
    let [raw, pieces] = ['', 0];
    const response = await ask('GET', '/t/events?after=0');
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      largest = Math.max(largest, piece.byteLength);
      raw += new TextDecoder().decode(piece);
      pieces += 1;
    }
    expect(raw.match(/"role":"assistant"/g)?.length).toBe(turns.length);
    expect(raw.endsWith('\n\n')).toBe(true);
    expect(largest).toBeLessThan(40_000);
    expect(pieces).toBeGreaterThan(10);
  }, 20_000);
});
