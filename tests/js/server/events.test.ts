import { afterEach, describe, expect, it } from 'vitest';
import { tool } from '../../../js/index.js';
import type { TaskStreamEvent } from '../../../js/server/index.js';
import { taskWith } from '../api/fixtures.js';
import { add, heldTool } from '../api/world.js';
import { eventually, serve, site } from './site.js';

type Frame = { id?: string; event?: string; data?: TaskStreamEvent };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Frames as they come, over a real connection. */
async function connect(url: string, headers: Record<string, string> = {}) {
  const gone = new AbortController();
  closing.unshift(() => gone.abort());
  const response = await fetch(url, {
    headers: { authorization: 'Bearer u', ...headers },
    signal: gone.signal,
  });
  const frames: Frame[] = [];
  let [raw, isOpen] = ['', response.body !== null];
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const done = (async () => {
    try {
      for (;;) {
        const piece = await reader?.read();
        if (piece === undefined || piece.done) return;
        raw += piece.value;
        const blocks = raw.split('\n\n');
        frames.splice(
          0,
          frames.length,
          ...blocks
            .slice(0, -1)
            .map(frameOf)
            .filter((f) => 'event' in f || 'id' in f),
        );
      }
    } catch {
      // We have gone.
    } finally {
      isOpen = false;
    }
  })();
  return {
    response,
    frames,
    done,
    leave: () => gone.abort(),
    raw: () => raw,
    isOpen: () => isOpen,
    types: () => frames.map(({ event }) => event),
    has: (type: string) => eventually(() => frames.some(({ event }) => event === type)),
  };
}

function frameOf(block: string): Frame {
  const frame: Record<string, unknown> = {};
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = line.match(/^(id|event|data): (.*)$/) ?? [];
    if (name !== '') frame[name] = name === 'data' ? JSON.parse(value) : value;
  }
  return frame as Frame;
}

async function served(given: Parameters<typeof site>[0] = {}) {
  const at = site(given);
  const server = await serve(at.routes);
  closing.push(() => server.close());
  return { ...at, events: `${server.url}/t/events` };
}

const textOf = (frames: Frame[]) =>
  frames.map(({ data }) => (data?.type === 'task:message' ? data.content : '')).join('');

describe('the event stream of a task', () => {
  it('begins with where the task stands, follows it to its end, and says that it is over', async () => {
    const { ask, events } = await served({ turns: ['Hello, here is all that I did.'], delayMs: 5 });
    const stream = await connect(events);
    expect(Object.fromEntries(stream.response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    await stream.has('snapshot');
    expect(stream.frames[0]).toMatchObject({
      id: '0',
      data: { type: 'snapshot', cursor: '0', state: { status: 'not_started', progress: {} }, messages: [] },
    });
    await ask('POST', '/t/start');
    await stream.done;
    const types = stream.types();
    expect(types.filter((type) => type === 'task:started')).toHaveLength(1);
    expect(types.slice(-2)).toEqual(['task:completed', 'end']);
    expect(textOf(stream.frames)).toBe('Hello, here is all that I did.');
  });

  it('goes on after a cursor without a gap or anything twice, on this instance or another', async () => {
    const { ask, events, host, engine } = await served({
      turns: ['One.', 'Two.'],
      tasks: [taskWith(['One', 'Two'])],
    });
    const other = await served({ host: { store: host.store } });
    await ask('POST', '/t/start');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    const whole = await connect(`${events}?after=0`);
    await whole.done;
    const ids = whole.frames.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [at, id] of ids.entries()) {
      const from = at % 2 ? events : other.events;
      const rest = await connect(from, { 'last-event-id': id });
      await rest.done;
      if (at === ids.length - 1) expect(rest.response.status).toBe(204);
      else {
        expect(rest.frames.flatMap((frame) => frame.id ?? [])).toEqual(ids.slice(at + 1));
        expect(rest.types().at(-1)).toBe('end');
      }
    }
  });

  it('takes where a client has come to, not where its URL once began', async () => {
    const { ask, events, engine } = await served({ turns: ['Done.'] });
    await ask('POST', '/t/start');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    const whole = await connect(`${events}?after=0`);
    await whole.done;
    const last = whole.frames.findLast(({ id }) => id !== undefined)?.id ?? '';
    const again = await connect(`${events}?after=0`, { 'last-event-id': last });
    expect(again.response.status).toBe(204);
  });

  it('starts over for a client whose cursor is of another history, or none at all', async () => {
    const { events } = await served();
    for (const cursor of ['99.0', 'not-a-cursor', "1'; drop"]) {
      const stream = await connect(events, { 'last-event-id': cursor });
      await stream.has('snapshot');
      stream.leave();
    }
    expect((await connect(`${events}?after=x`)).response.status).toBe(400);
  });

  it('gives who joins in mid-turn the text so far, and the rest as it comes', async () => {
    let go: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const model = {
      async *stream() {
        yield { messageStart: { role: 'assistant' as const } };
        yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'First half, ' } } };
        await gate;
        yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'second half.' } } };
        yield { messageStop: { stopReason: 'end_turn' as const } };
      },
    };
    const { ask, events } = await served({ host: { model } });
    await ask('POST', '/t/start');
    const early = await connect(events);
    await eventually(
      () =>
        textOf(early.frames) === 'First half, ' ||
        early.frames.some(({ data }) => data?.type === 'snapshot' && data.text !== undefined),
    );
    const late = await connect(events);
    await late.has('snapshot');
    expect(late.frames[0]?.data).toMatchObject({ text: { content: 'First half, ' } });
    go();
    await Promise.all([early.done, late.done]);
    const pieces = late.frames.flatMap(({ data }) => (data?.type === 'task:message' ? [data] : []));
    let text = '';
    for (const { offset, content } of pieces) text = text.slice(0, offset) + content;
    expect(text).toBe('First half, second half.');
  });

  it('stays open while the task is paused, and with a task that failed it ends', async () => {
    const { ask, events, engine } = await served({
      turns: [{ fail: Object.assign(new Error('no access'), { name: 'AccessDeniedException' }) }],
      tasks: [taskWith(['Do it'], { status: 'paused' })],
    });
    const stream = await connect(events);
    await stream.has('snapshot');
    await ask('POST', '/t/stop', { body: { reason: 'enough' } });
    await stream.has('task:stopped');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(stream.isOpen()).toBe(true);
    await ask('POST', '/t/resume');
    await stream.done;
    expect((await engine.lifecycle('t', 'u').state()).status).toBe('failed');
    expect(stream.types().at(-1)).toBe('end');
    const failure = stream.frames.find(({ event }) => event === 'task:error')?.data;
    expect(failure).toMatchObject({ code: 'MODEL_DENIED', error: 'Something went wrong on the server.' });
  });

  it.each(['this instance', 'another'])(
    'tells the last facts of a run on %s whose task others have completed, then ends',
    async (where) => {
      const { held, isCalled, release } = heldTool();
      const turns = [{ tools: [{ name: 'held', input: {} }] }];
      const stream = { heartbeatMs: 5 };
      const { host, ask, events } = await served({ turns, host: { tools: { held } }, stream });
      await ask('POST', '/t/start');
      await isCalled;
      // Found at the next heartbeat: nobody tells of it.
      const { watch: _, ...store } = host.store;
      const other = await served({ host: { store: { ...store, id: 'another' } }, stream });
      const viewer = await connect(where === 'another' ? other.events : events);
      await viewer.has('snapshot');
      const fields = [{ path: ['status'], value: 'completed' }];
      await host.store.commit([{ op: 'update', path: 'users/u/tasks/t', fields }]);
      await new Promise((resolve) => setTimeout(resolve, 100));
      release('ok');
      await viewer.done;
      expect(viewer.types().slice(-2)).toEqual(['task:stopped', 'end']);
    },
    20_000,
  );

  it('does not end at a failure of the past', async () => {
    const { ask, events, engine } = await served({
      turns: [{ fail: Object.assign(new Error('no access'), { name: 'AccessDeniedException' }) }, 'Done.'],
    });
    const status = async () => (await engine.lifecycle('t', 'u').state()).status;
    await ask('POST', '/t/start');
    await eventually(async () => (await status()) === 'failed');
    await ask('POST', '/t/resume');
    await eventually(async () => (await status()) === 'completed');
    const stream = await connect(`${events}?after=0`);
    await stream.done;
    expect(stream.types()).toContain('task:error');
    expect(stream.types().slice(-2)).toEqual(['task:completed', 'end']);
  });

  it('shows a viewer what the app lets them see, and counts the rest as seen', async () => {
    const present: NonNullable<Parameters<typeof site>[0]>['present'] = (event) =>
      event.type === 'task:usage' || event.type === 'task:message' ? null : event;
    const { ask, events } = await served({ turns: ['Secret.'], present, delayMs: 5 });
    const stream = await connect(events);
    await stream.has('snapshot');
    await ask('POST', '/t/start');
    await stream.done;
    expect(stream.types()).not.toContain('task:usage');
    expect(textOf(stream.frames)).toBe('');
    expect(stream.frames.some(({ id, event }) => id !== undefined && event === undefined)).toBe(true);
  });

  it('is kept open by heartbeats, and ends by itself so that credentials are looked at again', async () => {
    const { events } = await served({ stream: { heartbeatMs: 10, lifetimeMs: 400 } });
    const stream = await connect(events);
    await stream.done;
    expect(stream.types()).toEqual(['snapshot']);
    expect(stream.raw().match(/^:$/gm)?.length).toBeGreaterThan(3);
  });

  it.each([Number.POSITIVE_INFINITY, 3e9])(
    'has no heartbeats, rather than a thousand a second, where they are to come every %s ms (sindresorhus/delay#57)',
    async (forEver) => {
      const { events } = await served({ stream: { heartbeatMs: forEver, lifetimeMs: forEver } });
      const stream = await connect(events);
      await stream.has('snapshot');
      await new Promise((resolve) => setTimeout(resolve, 100));
      // the first one opens it
      expect([stream.isOpen(), stream.raw().match(/^:$/gm)]).toEqual([true, [':']]);
    },
  );

  it('ends before the platform cuts it', async () => {
    const { events } = await served({ run: { maxDurationMs: 2_000 } });
    const began = performance.now();
    await (await connect(events)).done;
    expect(performance.now() - began).toBeLessThan(1_900);
  });

  it('ends when the process drains, and no other one does', async () => {
    const here = await served();
    const there = await served();
    const streams = [await connect(here.events), await connect(there.events)] as const;
    for (const stream of streams) await stream.has('snapshot');
    await here.engine.drain();
    await streams[0].done;
    expect(streams[1].isOpen()).toBe(true);
  });

  it('is open to a user so often and no more, and a client that leaves makes room', async () => {
    const { events } = await served({ limits: { streamsPerUser: 2 } });
    const streams = [await connect(events), await connect(events)];
    const third = await connect(events);
    expect([third.response.status, third.response.headers.get('retry-after')]).toEqual([429, '10']);
    expect((await connect(events, { authorization: 'Bearer other' })).response.status).toBe(404);
    streams[0]?.leave();
    await eventually(async () => {
      const { response, leave } = await connect(events);
      leave();
      return response.status === 200;
    });
  });

  it('answers HEAD without a stream that nobody reads', async () => {
    const { routes } = site({ limits: { streamsPerUser: 1 } });
    const ask = () =>
      routes.GET(
        new Request('https://app.example/api/tasks/t/events', {
          method: 'HEAD',
          headers: { authorization: 'Bearer u' },
        }),
      );
    for (let i = 0; i < 3; i += 1) expect((await ask()).status).toBe(200);
  });

  it('costs bounded memory for a client that does not read, and gives it every fact once it does', async () => {
    const big = 'x'.repeat(100_000);
    const turns = Array.from({ length: 12 }, () => ({
      text: big,
      tools: [{ name: 'add', input: { a: 1, b: 2 } }],
    }));
    const { ask, engine } = site({
      turns: [...turns, 'Done.'],
      host: {
        tools: { add: tool(add) },
        defaults: { limits: { identicalToolCalls: Number.POSITIVE_INFINITY } },
      },
    });
    const response = await ask('GET', '/t/events');
    const reader = response.body?.getReader();
    await reader?.read();
    await ask('POST', '/t/start');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    let [raw, bytes] = ['', 0];
    const decoder = new TextDecoder();
    for (;;) {
      const piece = await reader?.read();
      if (piece === undefined || piece.done) break;
      bytes = Math.max(bytes, piece.value.byteLength);
      raw += decoder.decode(piece.value, { stream: true });
    }
    const seen = raw
      .split('\n\n')
      .map(frameOf)
      .flatMap(({ id }) => id ?? []);
    const whole = await (await ask('GET', '/t/events?after=0')).text();
    const stored = whole
      .split('\n\n')
      .map(frameOf)
      .flatMap(({ id }) => id ?? []);
    expect(stored.length).toBeGreaterThan(36);
    expect(seen.slice(1)).toEqual(stored);
    // Text that waited was merged, not sent piece by piece.
    expect(raw.match(/event: task:message\n/g)?.length ?? 0).toBeLessThan(100);
  });
});
