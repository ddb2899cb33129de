import { afterEach, describe, expect, it, vi } from 'vitest';
import { type TaskClient, taskClient } from '../../../js/client/index.js';
import { tool } from '../../../js/index.js';
import { TaskStore } from '../../../js/react/task-store.js';
import { taskWith } from '../api/fixtures.js';
import { heldTool } from '../api/world.js';
import { serve, site } from '../server/site.js';
import { lasting } from './world.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A page that shows task `t`, without React. */
function page(client: TaskClient) {
  const store = new TaskStore(client, 't');
  const close = store.subscribe(() => {});
  closing.push(close);
  return { store, close, until: (holds: () => void) => vi.waitFor(holds, { timeout: 20_000, interval: 5 }) };
}

/** A client each of whose connections breaks a little later than the one before. */
function breaking(url: string, first: number): TaskClient {
  let requests = 0;
  return taskClient({
    url,
    headers: { authorization: 'Bearer u' },
    retryMs: 5,
    async fetch(input, init) {
      const response = await fetch(input, init);
      if (!String(input).includes('/events')) return response;
      requests += 1;
      let left = first * requests;
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
}

const deploy = tool({
  description: 'Deploys.',
  inputSchema: { type: 'object' },
  needsApproval: true,
  execute: (_input, { report }) => {
    report(0.5);
    return 'deployed';
  },
});
const look = tool({ description: 'Looks.', inputSchema: { type: 'object' }, execute: () => 'seen' });
const turns = [
  { reasoning: 'Look first.', text: 'I have a look.', tools: [{ name: 'look', input: { at: 1 } }] },
  { text: 'It is cut he', fail: 'cut' as const },
  { text: 'Now I deploy it, which takes a while and many words.', tools: [{ name: 'deploy', input: {} }] },
  'The first item is done.',
  { tools: [{ name: 'look', input: { at: 2 } }] },
  'The second item is done.',
];

async function atWork(first: number) {
  const at = site({
    turns,
    tasks: [taskWith(['One', 'Two'])],
    delayMs: 2,
    host: { tools: { deploy, look }, defaults: { retry: { baseMs: 1 } } },
  });
  const server = await serve(at.routes);
  closing.push(() => server.close());
  return { ...at, client: breaking(server.url, first), steady: breaking(server.url, 1_000_000) };
}

describe('the page of a task on a server', () => {
  it.each([
    ['is never cut', 1_000_000],
    ['is cut every few hundred bytes', 400],
  ])(
    'shows at the end what a page shows that is opened then, when its connection %s',
    async (_how, first) => {
      const { client, steady } = await atWork(first);
      const { store, until } = page(client);
      await until(() => expect(store.view().can.start).toBe(true));
      await store.view().start();
      await until(() => expect(store.view().waiting).toMatchObject([{ toolCall: { name: 'deploy' } }]));
      const sending = store.view().send('Mind the cat');
      expect(store.view().messages.at(-1)).toMatchObject({ content: 'Mind the cat', pending: true });
      await sending;
      const approving = store.view().approve(store.view().waiting[0]?.toolCall.id ?? '');
      expect(store.view().waiting).toEqual([]);
      await approving;
      await until(() => expect(store.view()).toMatchObject({ status: 'completed', connected: true }));

      const late = page(steady);
      await late.until(() => expect(late.store.view().tools).toHaveLength(3));
      await until(() => expect(store.view().tools).toHaveLength(3));
      const plain = (view: ReturnType<typeof store.view>) => {
        const { plan, ...rest } = lasting(view);
        // When an item was done is in the documents, and not in all events.
        return { ...rest, plan: JSON.stringify(plan).replaceAll(/,"\w+_at":"[^"]*"/g, '') };
      };
      expect(plain(store.view())).toEqual(plain(late.store.view()));
      expect(
        store.view().timeline.map((entry) => (entry.type === 'message' ? entry.message.content : entry.type)),
      ).toEqual([
        'Working on: One',
        'I have a look.',
        'tool',
        'Now I deploy it, which takes a while and many words.',
        'tool',
        'Mind the cat',
        'The first item is done.',
        'Working on: Two',
        'tool',
        'The second item is done.',
      ]);
    },
    30_000,
  );

  it('says that a command did not reach the server, and takes back what it showed', async () => {
    const { steady } = await atWork(1);
    const { store, until } = page({
      ...steady,
      task: (id) => ({ ...steady.task(id), send: () => Promise.reject(new Error('away')) }),
    });
    await until(() => expect(store.view().status).toBe('not_started'));
    const sending = store.view().send('Hello');
    expect(store.view().messages).toHaveLength(1);
    await expect(sending).rejects.toThrow('away');
    expect(store.view().messages).toEqual([]);
  });

  it('says that there is no such task, and looks again when it is told to', async () => {
    const { steady } = await atWork(1);
    const store = new TaskStore(steady, 'none');
    closing.push(store.subscribe(() => {}));
    await vi.waitFor(() => expect(store.view().error).toMatchObject({ code: 'TASK_NOT_FOUND' }));
    await steady.create({ id: 'none', title: 'Now there is one' });
    store.view().reconnect();
    expect(store.view().error).toBeUndefined();
    await vi.waitFor(() => expect(store.view().status).toBe('not_started'));
  });

  it('shows items that others have written meanwhile, once one of them is done', async () => {
    const { routes, ask } = site({ turns: ['One.', 'Two.'], tasks: [taskWith(['One'])], delayMs: 5 });
    const server = await serve(routes);
    closing.push(() => server.close());
    const { store, until } = page(breaking(server.url, 1_000_000));
    await until(() => expect(store.view().status).toBe('not_started'));
    const body = { task_item_id: 'new', name: 'Two', description: '' };
    expect((await ask('POST', '/t/milestones/m/items', { body })).status).toBeLessThan(300);
    await store.view().start();
    await until(() => expect(store.view().status).toBe('completed'));
    await until(() =>
      expect(store.view().plan?.tasks.m).toMatchObject([
        { name: 'One', status: 'completed' },
        { name: 'Two', status: 'completed' },
      ]),
    );
  });

  it.each([
    ['nobody runs it', false],
    ['it runs', true],
  ])('shows the status that others have written while %s', async (_how, runs) => {
    const { held, isCalled } = heldTool();
    const { routes, ask, lines } = site({
      turns: [{ tools: [{ name: 'held', input: {} }] }],
      host: { tools: { held }, defaults: { graceMs: 10 } },
      stream: { heartbeatMs: 5 },
    });
    const server = await serve(routes);
    closing.push(() => server.close());
    const { store, until } = page(breaking(server.url, 1_000_000));
    await until(() => expect(store.view().status).toBe('not_started'));
    await store.view().start();
    await isCalled;
    if (!runs) {
      await store.view().pause();
      await until(() => expect(store.view().status).toBe('paused'));
    }
    await ask('PATCH', '/t/status', { body: { status: 'completed' } });
    await until(() => expect(store.view()).toMatchObject({ status: 'completed', stopped: false }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(store.view()).toMatchObject({ status: 'completed', unfinished: false, connected: true });
    expect(lines.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('shows that others have set a task back that ran', async () => {
    const { held, isCalled } = heldTool();
    const { routes, engine, host } = site({
      turns: [{ tools: [{ name: 'held', input: {} }] }],
      host: { tools: { held }, defaults: { graceMs: 10 } },
    });
    const server = await serve(routes);
    closing.push(() => server.close());
    const { store, until } = page(breaking(server.url, 1_000_000));
    await until(() => expect(store.view().status).toBe('not_started'));
    await store.view().start();
    await isCalled;
    await until(() => expect(store.view().status).toBe('in_progress'));
    const fields = [{ path: ['status'], value: 'not_started' }];
    await host.store.commit([{ op: 'update', path: 'users/u/tasks/t', fields }]);
    await until(() => expect(store.view()).toMatchObject({ status: 'not_started', unfinished: false }));
    expect((await engine.lifecycle('t', 'u').state()).status).toBe('not_started');
  });

  it('goes on with a task that had failed, when it is resumed here', async () => {
    const { routes } = site({
      turns: [{ fail: new Error('no') }, 'Better.'],
      host: { defaults: { retry: { attempts: 1 } } },
    });
    const server = await serve(routes);
    closing.push(() => server.close());
    const client = breaking(server.url, 1_000_000);
    const { store, until } = page(client);
    await until(() => expect(store.view().status).toBe('not_started'));
    await store.view().start();
    await until(() => expect(store.view()).toMatchObject({ status: 'failed', error: { retryable: true } }));
    // A page that is opened now is told why as well.
    const late = page(client);
    await late.until(() =>
      expect(late.store.view()).toMatchObject({ status: 'failed', error: expect.anything() }),
    );
    await late.store.view().resume();
    await late.until(() =>
      expect(late.store.view()).toMatchObject({ status: 'completed', error: undefined }),
    );
  }, 20_000);
});
