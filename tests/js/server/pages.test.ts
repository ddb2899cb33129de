import { describe, expect, it } from 'vitest';
import { taskClient } from '../../../js/client/index.js';
import { lastThatFit, pageBytes } from '../../../js/server/pages.js';
import type { TaskSnapshot } from '../../../js/server/snapshot.js';
import type { TaskEvent } from '../../../js/types.js';
import { taskWith } from '../api/fixtures.js';
import { site } from './site.js';

const taskId = taskWith(['Do it']).id;
/** More bytes than characters. */
const long = (bytes: number) => 'ä'.repeat(bytes / 2);

function clientOf({ routes }: ReturnType<typeof site>) {
  return taskClient({
    url: 'https://app.example/api/tasks',
    headers: { authorization: 'Bearer u' },
    fetch: (url, init) => {
      const request = new Request(url as string, init);
      return routes[request.method as 'GET'](request);
    },
  });
}

async function sizeOf(response: Response): Promise<{ bytes: number; body: any }> {
  const text = await response.text();
  return { bytes: new TextEncoder().encode(text).byteLength, body: JSON.parse(text) };
}

describe('pages of messages', () => {
  it('have at most 2 MB, and `before` leads through the whole thread', async () => {
    const app = site();
    for (let n = 0; n < 7; n += 1) {
      await app.engine
        .persistence(taskId, 'u')
        .saveTaskMessage({ role: 'user', content: `${n} ${long(600_000)}` });
    }
    const seen: string[] = [];
    let pages = 0;
    for (let before: string | undefined; pages === 0 || before !== undefined; pages += 1) {
      const query = before === undefined ? '' : `?before=${before}`;
      const { bytes, body } = await sizeOf(await app.ask('GET', `/${taskId}/messages${query}`));
      expect(bytes).toBeLessThanOrEqual(pageBytes + 200);
      expect(body.total).toBe(7);
      seen.unshift(...body.messages.map(({ content }: { content: string }) => content.slice(0, 1)));
      before = body.before;
    }
    expect(pages).toBe(3);
    expect(seen).toEqual(['0', '1', '2', '3', '4', '5', '6']);

    const task = clientOf(app).task(taskId);
    const last = await task.messages();
    expect(last).toHaveLength(3);
    const earlier = await task.messages({ before: last[0]?.id, limit: 2 });
    expect(earlier.map(({ content }) => content.slice(0, 1))).toEqual(['2', '3']);
  });

  it('refuse a `before` that is no message', async () => {
    const answer = await site().ask('GET', `/${taskId}/messages?before=unknown`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      code: 'INVALID_ARGUMENT',
      detail: expect.stringMatching(/before/),
    });
  });

  it('leave out the content of what is larger than a page by itself, and tell of it all the same', () => {
    const items = [{ id: 'a' }, { id: 'b', text: 'x'.repeat(200) }, { id: 'c' }];
    expect(lastThatFit(items, 100, ({ id }) => ({ id }))).toEqual([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    expect(lastThatFit(items, 25, ({ id }) => ({ id }))).toEqual([{ id: 'b' }, { id: 'c' }]);
    expect(lastThatFit(items, 100, () => undefined)).toEqual([{ id: 'a' }, { id: 'c' }]);
  });
});

describe('pages of tasks', () => {
  it('have at most 2 MB, and `before` leads through all of them', async () => {
    const ids = ['t1', 't2', 't3', 't4', 't5'];
    const tasks = ids.map((id, n) => ({
      ...taskWith(['Do it']),
      id,
      created_at: `2026-01-0${n + 1}T00:00:00.000Z`,
      description: long(800_000),
    }));
    const app = site({ tasks });
    const seen: string[] = [];
    let before: string | undefined;
    do {
      const query = before === undefined ? '' : `?before=${encodeURIComponent(before)}`;
      const { bytes, body } = await sizeOf(await app.ask('GET', query));
      expect(bytes).toBeLessThanOrEqual(pageBytes + 200);
      expect(body.total).toBe(5);
      expect(body.tasks.length).toBeGreaterThan(0);
      seen.push(...body.tasks.map(({ id }: { id: string }) => id));
      before = body.before;
    } while (before !== undefined);
    expect(seen).toEqual(ids.toReversed());
  });
});

describe('the facts of a snapshot', () => {
  const look = { name: 'look', input: { at: 'the sky' } };
  const tools = (execute: () => unknown) => ({
    look: { description: 'Looks.', inputSchema: { type: 'object' }, execute },
  });

  async function snapshotOf(app: ReturnType<typeof site>, history?: number): Promise<TaskSnapshot> {
    const leaving = new AbortController();
    for await (const event of clientOf(app).task(taskId).events({ history, signal: leaving.signal })) {
      leaving.abort();
      return event as TaskSnapshot;
    }
    throw new Error('no snapshot');
  }
  const calls = ({ facts }: TaskSnapshot) =>
    facts.flatMap((fact) => {
      if (fact.type === 'task:tool_call') return [`calls ${fact.toolCall.name}`];
      return fact.type === 'task:tool_result' ? [`${fact.name}: ${fact.status}`] : [];
    });

  it('have the call that is under way, and what those before it brought', async () => {
    let answer = (_: string) => {};
    let looked = 0;
    const execute = () => (++looked === 1 ? 'blue' : new Promise((resolve) => (answer = resolve)));
    const app = site({
      turns: [{ tools: [look] }, { tools: [look] }, 'Done.'],
      host: { tools: tools(execute) as never },
    });
    const executor = app.engine.executor(taskId, 'u');
    const run = executor.run();
    await run.started;
    await expect.poll(() => looked).toBe(2);

    const snapshot = await snapshotOf(app);
    expect(calls(snapshot)).toEqual(['calls look', 'look: success', 'calls look']);
    expect(snapshot.facts.findLast(({ type }) => type === 'task:tool_call')).toMatchObject({
      toolCall: { input: look.input },
    });
    expect(calls(await snapshotOf(app, 1))).toEqual(['calls look']);
    expect((await snapshotOf(app, 0)).facts).toEqual([]);

    answer('grey');
    await run.outcome;
    expect(calls(await snapshotOf(app))).toEqual([
      'calls look',
      'look: success',
      'calls look',
      'look: success',
    ]);
  });

  it('are what a viewer may see, and say texts of messages once', async () => {
    const present = (event: TaskEvent) => (event.type === 'task:tool_result' ? null : event);
    const app = site({
      turns: [{ text: 'I look.', tools: [look] }, 'Done.'],
      host: { tools: tools(() => 'secret') as never },
      present,
    });
    await app.engine.executor(taskId, 'u').run().outcome;
    const { facts, messages } = await snapshotOf(app);
    expect(JSON.stringify(facts)).not.toContain('secret');
    expect(messages.map(({ content }) => content)).toEqual(expect.arrayContaining(['I look.', 'Done.']));
    const saved = facts.filter((fact) => fact.type === 'task:message_saved');
    expect(saved.map(({ messageId }) => messageId)).toEqual(messages.map(({ id }) => id));
    expect(new Set(saved.map(({ content }) => content))).toEqual(new Set(['']));
  });

  it('take at most half a megabyte: the newest are kept, and a result beyond it is told without its content', async () => {
    const results = ['small', long(300_000), long(300_000), long(700_000)];
    let n = 0;
    const large = { look: { ...tools(() => results[n++]).look, maxResultBytes: 900_000 } };
    const app = site({
      turns: [...results.map(() => ({ tools: [look] })), 'Done.'],
      host: { tools: large as never, defaults: { limits: { identicalToolCalls: Infinity } } },
    });
    await app.engine.executor(taskId, 'u').run().outcome;
    const { facts } = await snapshotOf(app, 100);
    expect(new TextEncoder().encode(JSON.stringify(facts)).byteLength).toBeLessThanOrEqual(500_000);
    const told = facts.flatMap((fact) =>
      fact.type === 'task:tool_result' ? [JSON.stringify(fact.content).length] : [],
    );
    expect(told.at(-1)).toBe(2);
    expect(told.at(-2)).toBeGreaterThan(100_000);
    expect(told).toHaveLength(2);
  });
});
