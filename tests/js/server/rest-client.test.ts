import { afterEach, describe, expect, it } from 'vitest';
import { tool } from '../../../js/index.js';
import { serve, site } from './site.js';

/** The REST client that the app has: its paths, its bodies, what it reads of the answers. */
class RestClient {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.#url + path, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) {
      const said = (await response.json()) as { error?: string; message?: string };
      throw new Error(said.error ?? said.message ?? `HTTP ${response.status}`);
    }
    if (response.status === 204 || method === 'DELETE') return undefined as T;
    return (await response.json()) as T;
  }

  list = (query = '') => this.#ask<{ tasks: RestTask[]; total: number }>('GET', query);
  get = (id: string) => this.#ask<RestTask>('GET', `/${id}`);
  create = (body: object) => this.#ask<RestTask>('POST', '', body);
  update = (id: string, body: object) => this.#ask<RestTask>('PATCH', `/${id}`, body);
  delete = (id: string) => this.#ask<void>('DELETE', `/${id}`);
  status = (id: string, status: string) => this.#ask<RestTask>('PATCH', `/${id}/status`, { status });
  progress = (id: string, percentage: number) =>
    this.#ask<RestTask>('PATCH', `/${id}/progress`, { percentage });
  addMilestone = (id: string, body: object) => this.#ask<RestTask>('POST', `/${id}/milestones`, body);
  milestone = (id: string, m: string, body: object) =>
    this.#ask<RestTask>('PATCH', `/${id}/milestones/${m}`, body);
  completeMilestone = (id: string, m: string) =>
    this.#ask<RestTask>('POST', `/${id}/milestones/${m}/complete`);
  addItem = (id: string, m: string, body: object) =>
    this.#ask<RestTask>('POST', `/${id}/milestones/${m}/items`, body);
  item = (id: string, m: string, i: string, body: object) =>
    this.#ask<RestTask>('PATCH', `/${id}/milestones/${m}/items/${i}`, body);
  completeItem = (id: string, m: string, i: string) =>
    this.#ask<RestTask>('POST', `/${id}/milestones/${m}/items/${i}/complete`);
  messages = (id: string, limit: number) =>
    this.#ask<{ messages: { role: string; content: string }[]; total: number }>(
      'GET',
      `/${id}/messages?limit=${limit}`,
    );
  addMessage = (id: string, body: object) =>
    this.#ask<{ message_id: string }>('POST', `/${id}/messages`, body);
}

interface RestTask {
  id: string;
  title: string;
  status: string;
  created_at: string;
  updated_at: string;
  execution?: unknown;
  metadata?: object;
  progress: {
    current_milestone: string;
    current_task: string;
    overall_percentage: number;
    milestones: { id: string; status: string; progress: number; completed_at?: string }[];
    tasks: Record<string, { id: string; status: string; completed_at?: string }[]>;
  };
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function served(given: Parameters<typeof site>[0]) {
  const at = site({ tasks: [], ...given });
  const server = await serve(at.routes);
  closing.push(() => server.close());
  return { ...at, client: new RestClient(server.url, 'u') };
}

describe("the app's own REST client", () => {
  it('makes a task, plans it, writes into its thread, finds it and deletes it', async () => {
    const { client } = await served({});
    const { id } = await client.create({
      title: 'Ship it',
      description: 'All of it',
      metadata: { tags: ['x'] },
    });
    await client.addMilestone(id, { milestone_id: 'm1', name: 'One', description: 'First' });
    await client.addItem(id, 'm1', { task_item_id: 'a', name: 'A', description: '', estimated_hours: 2 });
    await client.addItem(id, 'm1', { task_item_id: 'b', name: 'B', description: '' });
    await client.milestone(id, 'm1', { name: 'The first' });
    await client.item(id, 'm1', 'b', { status: 'in_progress', notes: 'half' });
    expect((await client.completeItem(id, 'm1', 'a')).progress).toMatchObject({
      overall_percentage: 50,
      milestones: [{ id: 'm1', status: 'in_progress', progress: 50 }],
    });
    const done = await client.completeMilestone(id, 'm1');
    expect(done.progress.tasks.m1).toMatchObject([
      { id: 'a', status: 'completed', completed_at: expect.any(String) },
      { id: 'b', status: 'completed', completed_at: expect.any(String) },
    ]);
    expect((await client.progress(id, 80)).progress.overall_percentage).toBe(80);
    expect(await client.update(id, { title: 'Shipped', metadata: { parent_task_id: 'p' } })).toMatchObject({
      title: 'Shipped',
      metadata: { parent_task_id: 'p' },
    });
    const { message_id } = await client.addMessage(id, { role: 'system', content: 'Noted.' });
    expect(message_id).toEqual(expect.any(String));
    expect(await client.messages(id, 10)).toMatchObject({ messages: [{ content: 'Noted.' }], total: 1 });
    const found = await client.list('?status=not_started&limit=5&search=shipped');
    expect(found).toMatchObject({ total: 1, tasks: [{ id, title: 'Shipped' }] });
    const task = await client.get(id);
    expect(task.execution).toBeUndefined();
    expect(Object.keys(task.progress).sort()).toEqual([
      'current_milestone',
      'current_task',
      'milestones',
      'overall_percentage',
      'tasks',
    ]);
    await client.delete(id);
    await expect(client.get(id)).rejects.toThrow('Task not found.');
  });

  it('starts, pauses and goes on with a task by its status', async () => {
    let isCalled = () => {};
    const called = new Promise<void>((resolve) => {
      isCalled = resolve;
    });
    const held = tool({
      description: 'Waits.',
      inputSchema: { type: 'object' },
      execute: (_, { signal }) => {
        isCalled();
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    const { client } = await served({
      turns: [{ tools: [{ name: 'held', input: {} }] }, 'Done.'],
      host: { tools: { held }, defaults: { graceMs: 20 } },
    });
    const { id } = await client.create({ title: 'Work' });
    expect((await client.status(id, 'in_progress')).status).toBe('in_progress');
    await called;
    expect((await client.status(id, 'paused')).status).toBe('paused');
    expect((await client.status(id, 'in_progress')).status).toBe('in_progress');
    const looked = async () => (await client.get(id)).status;
    for (let tries = 0; (await looked()) !== 'completed'; tries += 1) {
      if (tries > 1_000) throw new Error(`it is ${await looked()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await expect(client.status(id, 'in_progress')).rejects.toThrow(/completed/);
  });
});
