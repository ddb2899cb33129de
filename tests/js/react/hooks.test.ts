// @vitest-environment jsdom
import { act, createElement as h, type ReactNode, StrictMode, useState } from 'react';
import { createRoot, hydrateRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  TaskProvider,
  type UsedTask,
  type UseTaskOptions,
  useTask,
  useTaskClient,
  useTasks,
} from '../../../js/react/index.js';
import { type FakeTaskClient, fakeTaskClient } from '../../../js/react/testing.js';
import { planOf, snapshotAt } from './world.js';

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

let box: HTMLElement;
let root: Root | undefined;

beforeEach(() => {
  box = document.createElement('main');
  document.body.append(box);
});
afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
  box.remove();
  vi.useRealTimers();
});

async function show(client: FakeTaskClient, node: ReactNode) {
  root = createRoot(box);
  await act(async () => root?.render(h(StrictMode, null, h(TaskProvider, { client }, node))));
}
const again = (client: FakeTaskClient, node: ReactNode) =>
  act(async () => root?.render(h(StrictMode, null, h(TaskProvider, { client }, node))));

/** Has things happen, and lets what streams be drawn. */
const happens = (what: () => unknown) =>
  act(async () => {
    what();
    await new Promise((resolve) => setTimeout(resolve, 60));
  });

let task: UsedTask;
let draws = 0;
function Task({ id, ...options }: { id: string } & UseTaskOptions) {
  task = useTask(id, options);
  draws += 1;
  return h(
    'ul',
    { 'data-status': task.status ?? 'loading' },
    task.timeline.map((entry) => {
      if (entry.type === 'message') return h('li', { key: entry.key }, entry.message.content);
      if (entry.type === 'tool')
        return h('li', { key: entry.key }, `${entry.tool.name}: ${entry.tool.status}`);
      return h('li', { key: entry.key, className: 'streaming' }, entry.streaming.content);
    }),
  );
}

const lines = () => [...box.querySelectorAll('li')].map(({ textContent }) => textContent);
const status = () => box.querySelector('ul')?.dataset.status;
const fake = (more = {}) => fakeTaskClient({ tasks: [{ id: 't', status: 'in_progress', ...more }] });

describe('useTask', () => {
  it('shows a task, and text as it streams, with one connection in strict mode', async () => {
    const client = fake({ messages: [{ role: 'user', content: 'Hello' }] });
    await show(client, h(Task, { id: 't' }));
    expect(client.watching).toBe(1);
    expect([status(), lines()]).toEqual(['in_progress', ['Hello']]);
    const role = 'assistant';
    const said = { type: 'task:message', messageId: 'a', attempt: 1, role, streaming: true } as const;
    await happens(() => client.tell('t', { ...said, content: 'Good ', offset: 0 }));
    await happens(() => client.tell('t', { ...said, content: 'day', offset: 5 }));
    expect(lines()).toEqual(['Hello', 'Good day']);
    const element = box.querySelector('.streaming');
    await happens(() =>
      client.tell('t', {
        type: 'task:retry',
        messageId: 'a',
        attempt: 1,
        code: 'MODEL_THROTTLED',
        delayMs: 9,
      }),
    );
    expect(lines()).toEqual(['Hello']);
    await happens(() => client.say('t', 'Good evening'));
    expect(lines()).toEqual(['Hello', 'Good evening']);
    expect(element?.isConnected).toBe(false);
  });

  it('shows a task of the fake client also where the platform has no structuredClone, as in the jsdom of Jest', async () => {
    vi.stubGlobal('structuredClone', undefined);
    try {
      await show(fake({ messages: [{ role: 'user', content: 'Hello' }] }), h(Task, { id: 't' }));
      expect([status(), lines()]).toEqual(['in_progress', ['Hello']]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('draws pieces of text together', async () => {
    const client = fake();
    await show(client, h(Task, { id: 't' }));
    const before = draws;
    const words = Array.from({ length: 500 }, (_, n) => `word${n}`).join(' ');
    await happens(() => client.say('t', words));
    expect(lines()).toEqual([words]);
    // In strict mode each counts twice.
    expect(draws - before).toBeLessThan(30);
  });

  it('is one connection for all parts of a page, and none when they have gone', async () => {
    const client = fake();
    await show(client, [h(Task, { id: 't', key: 1 }), h(Task, { id: 't', key: 2 })]);
    expect(client.watching).toBe(1);
    await again(client, h(Task, { id: 't', key: 3 }));
    expect(client.watching).toBe(1);
    await again(client, null);
    await vi.waitFor(() => expect(client.watching).toBe(0), { timeout: 5_000 });
    await again(client, h(Task, { id: 't' }));
    expect(client.watching).toBe(1);
    expect(status()).toBe('in_progress');
  });

  it('goes from one task to another', async () => {
    const client = fakeTaskClient({
      tasks: [
        { id: 'a', messages: [{ role: 'user', content: 'A' }] },
        { id: 'b', messages: [{ role: 'user', content: 'B' }] },
      ],
    });
    await show(client, h(Task, { id: 'a' }));
    expect(lines()).toEqual(['A']);
    await again(client, h(Task, { id: 'b' }));
    expect(lines()).toEqual(['B']);
  });

  it('gives commands, says which is under way and what is possible', async () => {
    const client = fake();
    await show(client, h(Task, { id: 't' }));
    expect(task.can).toEqual({ start: false, resume: false, pause: true, stop: true, send: true });
    let pausing: Promise<void> | undefined;
    await act(async () => {
      pausing = task.pause();
    });
    await pausing;
    await happens(() => {});
    expect(task).toMatchObject({ status: 'paused', busy: undefined });
    expect(task.can).toMatchObject({ resume: true, pause: false, stop: true });
    await act(() => task.stop('enough'));
    await happens(() => {});
    expect(task).toMatchObject({ stopped: true, reason: 'enough' });
    expect(client.calls).toEqual([
      { command: 'pause', id: 't', args: [] },
      { command: 'stop', id: 't', args: ['enough'] },
    ]);
  });

  it('shows what is sent at once, and takes it back where it cannot be sent', async () => {
    const client = fake();
    await show(client, h(Task, { id: 't' }));
    client.failNext('send');
    let sending: Promise<void> = Promise.resolve();
    await act(async () => {
      sending = task.send('Hello');
      sending.catch(() => {});
    });
    await expect(sending).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await happens(() => {});
    expect(lines()).toEqual([]);
    await act(() => task.send('Hello again'));
    await happens(() => {});
    expect(task.messages).toMatchObject([{ content: 'Hello again' }]);
    expect(task.messages[0]?.pending).toBeUndefined();
  });

  it('has a decided call wait no more, and wait again where the decision could not be stored', async () => {
    const client = fake();
    await show(client, h(Task, { id: 't' }));
    const toolCall = { id: 'c', name: 'pay', input: {} };
    await happens(() => client.tell('t', { type: 'task:tool_call', toolCall }));
    await happens(() => client.tell('t', { type: 'task:approval_required', toolCall }));
    expect(lines()).toEqual(['pay: waiting']);
    client.failNext('approve');
    await act(() => task.approve('c').catch(() => {}));
    expect(lines()).toEqual(['pay: waiting']);
    await act(() => task.approve('c', { note: 'fine' }));
    expect([lines(), task.waiting]).toEqual([['pay: running'], []]);
  });

  it('says when the server has not been heard of for a while, and misses nothing', async () => {
    const client = fake();
    await show(client, h(Task, { id: 't' }));
    await happens(() => client.lose());
    expect(task.connected).toBe(true);
    await act(() => vi.waitFor(() => expect(task.connected).toBe(false), { timeout: 10_000 }));
    client.say('t', 'Said in between');
    await happens(() => client.restore());
    expect(task.connected).toBe(true);
    expect(lines()).toEqual(['Said in between']);
  });

  it('says that there is no such task', async () => {
    await show(fake(), h(Task, { id: 'none' }));
    expect(task.error).toMatchObject({ code: 'TASK_NOT_FOUND', retryable: false });
  });

  it('shows the calls of before the page was opened, by the one connection that it has', async () => {
    const client = fake();
    const toolCall = { id: 'c', name: 'look', input: {} };
    client.tell('t', { type: 'task:tool_call', toolCall });
    client.say('t', 'Seen.');
    const events = vi.spyOn(client, 'task');
    await show(client, h(Task, { id: 't' }));
    expect(lines()).toEqual(['look: running', 'Seen.']);
    expect([client.watching, events.mock.calls.length]).toEqual([1, 1]);
  });

  it('is in the first HTML with what the server has read, which the page takes over', async () => {
    const client = fake({ messages: [{ role: 'user', content: 'Hello' }] });
    const { state } = snapshotAt([], 0, 0);
    const message = { id: 'm', role: 'user' as const, content: 'Hello', timestamp: '', task_id: 't' };
    const initial = {
      state: { ...state, status: 'in_progress' as const, progress: planOf(1) },
      messages: [message],
    };
    const page = h(StrictMode, null, h(TaskProvider, { client }, h(Task, { id: 't', initial })));
    const wrong = vi.spyOn(console, 'error');
    box.innerHTML = renderToString(page);
    expect([status(), lines()]).toEqual(['in_progress', ['Hello']]);
    const element = box.querySelector('li');
    await act(async () => {
      root = hydrateRoot(box, page);
    });
    expect(box.querySelector('li')).toBe(element);
    expect(wrong).not.toHaveBeenCalled();
  });

  it('says what is missing without a provider', () => {
    expect(() => renderToString(h(Task, { id: 't' }))).toThrow(/TaskProvider/);
  });
});

describe('useTasks', () => {
  function List({ search, refreshMs = 20 }: { search?: string; refreshMs?: number }) {
    const { tasks, total, loading, error, create, remove } = useTasks({ search, refreshMs });
    const [title] = useState('New one');
    return h('div', null, [
      h('p', { key: 1 }, error ? error.code : loading ? 'loading' : `${total} tasks`),
      h(
        'ul',
        { key: 2 },
        tasks.map((each) => h('li', { key: each.id }, `${each.title}: ${each.status}`)),
      ),
      h('button', { key: 3, type: 'button', onClick: () => void create({ title }) }, 'Add'),
      h('button', { key: 4, type: 'button', onClick: () => void remove('a') }, 'Remove'),
    ]);
  }
  const paragraph = () => box.querySelector('p')?.textContent;

  it('lists tasks, again and again, makes and removes them', async () => {
    const client = fakeTaskClient({ tasks: [{ id: 'a' }, { id: 'b' }] });
    await show(client, h(List));
    await happens(() => {});
    expect([paragraph(), lines()]).toEqual(['2 tasks', ['b: not_started', 'a: not_started']]);
    await happens(() => client.tell('a', { type: 'task:started' }));
    expect(lines()).toEqual(['b: not_started', 'a: in_progress']);
    await act(async () => box.querySelector('button')?.click());
    expect(lines()[0]).toBe('New one: not_started');
    await act(async () => box.querySelectorAll('button')[1]?.click());
    expect(lines()).not.toContain('a: in_progress');
    expect(paragraph()).toBe('2 tasks');
  });

  it.each([Number.POSITIVE_INFINITY, 3e9])(
    'reads the list once where it is to be read again after %s ms (nodejs/node#4541)',
    async (refreshMs) => {
      const client = fakeTaskClient({ tasks: [{ id: 'a' }] });
      const list = vi.spyOn(client, 'list');
      await show(client, h(List, { refreshMs }));
      await happens(() => {});
      const reads = list.mock.calls.length;
      await happens(() => new Promise((resolve) => setTimeout(resolve, 50)));
      expect([paragraph(), list.mock.calls.length]).toEqual(['1 tasks', reads]);
    },
  );

  it('keeps what it shows until the answer to another question is there', async () => {
    const client = fakeTaskClient({ tasks: [{ id: 'apple' }, { id: 'pear' }] });
    await show(client, h(List));
    await happens(() => {});
    await again(client, h(List, { search: 'app' }));
    await happens(() => {});
    expect([paragraph(), lines()]).toEqual(['1 tasks', ['apple: not_started']]);
  });

  it('says that the list could not be read, and reads it when the server is back', async () => {
    const client = fakeTaskClient({ tasks: [{ id: 'a' }] });
    client.lose();
    await show(client, h(List));
    expect(paragraph()).toBe('STORE_UNAVAILABLE');
    await happens(() => client.restore());
    expect(paragraph()).toBe('1 tasks');
  });
});

describe('the client of the provider', () => {
  it('is the one that was given', async () => {
    const client = fake();
    let found: unknown;
    const Find = () => {
      found = useTaskClient();
      return null;
    };
    await show(client, h(Find));
    expect(found).toBe(client);
  });
});
