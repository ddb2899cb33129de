import { describe, expect, it, vi } from 'vitest';
import { memoryStore } from '../../../js/index.js';
import type { TaskStreamEvent } from '../../../js/server/index.js';
import type { TaskHost } from '../../../js/types.js';
import { elsewhere } from '../api/elsewhere.js';
import { taskWith } from '../api/fixtures.js';
import { add } from '../api/world.js';
import { eventually, site } from './site.js';

vi.setConfig({ testTimeout: 60_000 });

const live = 'users/u/tasks/t/engine/live';
const tasks = () => [taskWith(['Do it'])];

type Frame = { id?: string; data?: TaskStreamEvent };

/** The frames of an event stream, as they are read. */
async function* framesOf(response: Response): AsyncGenerator<Frame> {
  let rest = '';
  const body = response.body as ReadableStream<Uint8Array<ArrayBuffer>>;
  for await (const piece of body.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>) {
    const blocks = (rest + piece).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const id = /^id: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data !== undefined) yield { ...(id !== undefined && { id }), data: JSON.parse(data) };
    }
  }
}

describe('text of a turn under way', () => {
  // A second and a half of text.
  const turns = ['x'.repeat(10 * 16)];
  const delayMs = 150;
  const watching = () => memoryStore({ tasks: tasks() });
  const deaf = () => ({ ...watching(), watch: undefined }) as never;

  it.each([
    ['where the store can watch', true, { host: { store: watching() } }],
    ['not where it cannot', false, { host: { store: deaf() } }],
    ['not where the app says so', false, { host: { store: watching() }, liveMs: Number.POSITIVE_INFINITY }],
    [
      'not where its host says so',
      false,
      { host: { store: watching(), defaults: { liveMs: Number.POSITIVE_INFINITY } } },
    ],
    ['as often as the app says', true, { host: { store: deaf() }, liveMs: 500 }],
  ] as [string, boolean, { host: Partial<TaskHost>; liveMs?: number }][])(
    'is stored %s, for pages that other instances serve',
    async (_, is, how) => {
      const { ask, host, engine } = site({ turns, delayMs, ...how });
      expect((await ask('POST', '/t/start')).status).toBe(202);
      await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
      expect((await host.store.read([live]))[0] !== null).toBe(is);
    },
  );

  it('is in the snapshot of an instance that does not run the task, and goes on in its stream', async () => {
    const store = memoryStore({ tasks: tasks() });
    const said = 'I am still at work on this, and this is what I have. '.repeat(120);
    const here = site({ turns: [said], delayMs: 5, host: { store }, liveMs: 100 });
    const there = site({ host: { store: elsewhere(store), model: undefined } });
    expect((await here.ask('POST', '/t/start')).status).toBe(202);
    await eventually(async () => Number((await store.read([live]))[0]?.data.offset ?? 0) > 0);
    const seen: TaskStreamEvent[] = [];
    for await (const { data } of framesOf(await there.ask('GET', '/t/events'))) {
      if (data !== undefined) seen.push(data);
    }
    const [snapshot] = seen;
    if (snapshot?.type !== 'snapshot' || snapshot.text === undefined)
      throw new Error(JSON.stringify(snapshot));
    const { offset, content, messageId } = snapshot.text;
    expect(offset).toBeGreaterThan(0);
    expect(content).toBe(said.slice(offset, offset + content.length));
    expect(content.length).toBeLessThanOrEqual(4_096);
    const texts = seen.flatMap((event) => (event.type === 'task:message' ? [event] : []));
    expect(texts.length).toBeGreaterThan(1);
    for (const text of texts) {
      expect(text).toMatchObject({ messageId, attempt: 1 });
      expect(text.content).toBe(said.slice(text.offset, text.offset + text.content.length));
    }
    expect(seen.at(-1)?.type).toBe('end');
  });
});

describe('a client that does not read', () => {
  it('is sent a new snapshot when it is a hundred entries behind, and goes on from there', async () => {
    const turn = { text: 'x'.repeat(200), tools: [{ name: 'add', input: { a: 1, b: 2 } }] };
    const turns = [...Array.from({ length: 150 }, () => turn), 'Done.'];
    const defaults = { limits: { identicalToolCalls: Number.POSITIVE_INFINITY } };
    const { ask, engine } = site({
      turns,
      host: { tools: { add }, defaults },
      limits: { bufferedBytes: 20_000 },
    });
    const frames = framesOf(await ask('GET', '/t/events'));
    const first = (await frames.next()).value as Frame;
    expect(first.data).toMatchObject({ type: 'snapshot', state: { status: 'not_started' } });
    await ask('POST', '/t/start');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    const seen: Frame[] = [];
    for await (const frame of frames) seen.push(frame);
    const again = seen.flatMap(({ data }) => (data?.type === 'snapshot' ? [data] : []));
    expect(again.length).toBeGreaterThan(0);
    expect(Number(again.at(-1)?.cursor)).toBeGreaterThan(100);
    expect(seen.at(-1)?.data?.type).toBe('end');
    const facts = seen.filter(({ data, id }) => id !== undefined && data?.type !== 'snapshot');
    // It has missed some, and got none twice.
    expect(facts.length).toBeLessThan(600);
    const places = facts.map(({ id }) => (id ?? '').split('.').map(Number));
    for (const [at, [seq = 0, n = 0]] of places.entries()) {
      const [before = -1, m = -1] = places[at - 1] ?? [];
      expect(seq > before || (seq === before && n > m), facts[at]?.id).toBe(true);
    }
  });
});
