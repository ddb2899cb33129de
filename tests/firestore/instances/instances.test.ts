import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type TaskClientEvent, taskClient } from '../../../js/client/index.js';
import { emptyProject } from '../project.js';

const program = fileURLToPath(new URL('./instance.mjs', import.meta.url));
/** What a busy machine may take for anything. */
const patience = 45_000;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** One process with routes, whose model says what it is told to. */
async function instance(store: object) {
  const child: ChildProcess = fork(program, [JSON.stringify(store)]);
  const gone = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  const kill = () => {
    child.kill('SIGKILL');
    return gone;
  };
  cleanups.push(kill);
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { url: string }).url));
    void gone.then(() => reject(new Error('The instance ended before it listened.')));
  });
  return {
    url,
    kill,
    say: (text: string) => void child.send({ say: text }),
    end: () => void child.send({ end: true }),
    client: taskClient({ url: `${url}/api/tasks`, headers: { 'x-user': 'u', authorization: 'Bearer t' } }),
  };
}

type Instance = Awaited<ReturnType<typeof instance>>;

/** A page: what it shows, and what it was sent. */
function page({ client }: Instance, id: string, after?: string) {
  const leaving = new AbortController();
  const seen: TaskClientEvent[] = [];
  /** Text by message and attempt, put together by offset as a page does. */
  const texts = new Map<string, string>();
  const show = (messageId: string, attempt: number, offset: number, content: string) => {
    const key = `${messageId} ${attempt}`;
    texts.set(key, (texts.get(key) ?? '').slice(0, offset).padEnd(offset, '?') + content);
  };
  const ended = (async () => {
    for await (const event of client.task(id).events({ after, signal: leaving.signal })) {
      seen.push(event);
      if (event.type === 'snapshot' && event.text !== undefined) {
        const { messageId, attempt, content, offset } = event.text;
        show(messageId, attempt, offset, content);
      }
      if (event.type === 'task:message') show(event.messageId, event.attempt, event.offset, event.content);
    }
  })();
  cleanups.push(() => {
    leaving.abort();
    return ended;
  });
  return {
    seen,
    ended,
    ids: () => seen.flatMap((event) => ('id' in event && event.id !== undefined ? [event.id] : [])),
    shows: (text: string) => vi.waitFor(() => expect([...texts.values()].at(-1)).toBe(text), patience),
    has: (type: string) =>
      vi.waitFor(() => expect(seen.map((event) => event.type)).toContain(type), patience),
  };
}

const stores = {
  Firestore: () => emptyProject(),
  'a SQLite file': () => {
    const folder = mkdtempSync(join(tmpdir(), 'instances-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    return { file: join(folder, 'tasks.db') };
  },
};

describe.each(Object.entries(stores))('two instances on %s', (_, place) => {
  test('a page of one follows the text of a run on the other, from the middle of a turn on', async () => {
    const store = place();
    const [a, b] = [await instance(store), await instance(store)];
    const { id } = await a.client.create({ title: 'Write' });
    const early = page(b, id);
    await early.has('snapshot');
    await a.client.task(id).start();
    a.say('It was ');
    await early.shows('It was ');
    a.say('a dark ');
    await early.shows('It was a dark ');

    const late = page(b, id);
    await late.has('snapshot');
    expect(late.seen[0]).toMatchObject({
      type: 'snapshot',
      state: { status: 'in_progress' },
      text: { attempt: 1, offset: 0, content: 'It was a dark ' },
    });
    a.say('night.');
    for (const { shows } of [early, late]) await shows('It was a dark night.');
    a.end();
    await Promise.all([early.ended, late.ended]);
    for (const { seen } of [early, late]) {
      const saved = seen.filter((event) => event.type === 'task:message_saved');
      expect(saved.at(-1)).toMatchObject({ role: 'assistant', content: 'It was a dark night.' });
      expect(seen.at(-1)?.type).toBe('task:completed');
    }
    expect(late.ids()).toEqual(early.ids().slice(-late.ids().length));
  });

  test('a page goes on over the death of the instance that ran its task, without a gap', async () => {
    const store = place();
    const [a, b] = [await instance(store), await instance(store)];
    const { id } = await a.client.create({ title: 'Write' });
    const watched = page(b, id, '0');
    await a.client.task(id).start();
    a.say('This is lo');
    await watched.shows('This is lo');
    await a.kill();

    b.say('This is not lost.');
    b.end();
    await vi.waitFor(async () => {
      const response = await fetch(`${b.url}/sweep`, {
        headers: { authorization: 'Bearer a secret of the timer' },
      });
      expect(await response.json()).toMatchObject({ resumed: 1 });
    }, patience);
    await watched.ended;
    expect(watched.seen.filter(({ type }) => type === 'task:resumed')).toMatchObject([{ recovered: true }]);
    expect(watched.seen.at(-1)?.type).toBe('task:completed');
    const whole = page(b, id, '0');
    await whole.ended;
    expect(watched.ids()).toEqual(whole.ids());
    expect(whole.seen.filter((event) => event.type === 'task:message')).toEqual([]);
  });
});
