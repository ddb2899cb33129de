import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { firestoreRestStore, firestoreStore } from '../../../js/stores/firestore/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { TaskStore } from '../../../js/types.js';
import { emptyProject } from '../project.js';
import { type Connected, googleCloud } from '../sdk/databases.js';

function deep(levels: number): unknown {
  let value: unknown = 'bottom';
  for (let i = 0; i < levels; i++) {
    value = [value];
  }
  return value;
}

/** What a tool may return, and whether it can be kept. */
const results: [string, unknown, 'kept' | 'refused'][] = [
  ['arrays in arrays', { rows: [[1, [2, []]], []] }, 'kept'],
  ['a field named __proto__', JSON.parse('{"__proto__":{"polluted":true},"a":1}'), 'kept'],
  ['reserved, empty and dotted names', { __x__: 1, '': 2, 'a.b': 3, '`': 4, '\\': 5 }, 'kept'],
  ['names of every object’s members', { constructor: 'c', toString: 't', hasOwnProperty: 1 }, 'kept'],
  ['an integer beyond 2^53', { n: 2 ** 60 }, 'kept'],
  ['NaN', { n: Number.NaN }, 'refused'],
  ['a BigInt', { n: 2n ** 64n }, 'refused'],
  ['a depth of 10,000', { deep: deep(10_000) }, 'refused'],
  ['5 MB', 'x'.repeat(5_000_000), 'refused'],
];

describe.each(['rest', 'sdk'])('over the %s store', (adapter) => {
  let store: TaskStore;
  let connected: Connected | undefined;
  beforeAll(() => {
    const project = emptyProject();
    connected = adapter === 'sdk' ? googleCloud(project) : undefined;
    store = connected ? firestoreStore(connected.db, { emulator: true }) : firestoreRestStore(project);
  });
  afterAll(() => connected?.end());

  test.each(results)('a tool that returns %s leaves the run whole', async (_, value, fate) => {
    const engine = createTaskEngine({
      store,
      model: scriptedModel([
        { tools: [{ name: 'odd', input: { path: [['nested']], '': 1, __x__: 2 } }] },
        'Done.',
      ]),
      tools: { odd: { description: 'Odd.', inputSchema: { type: 'object' }, execute: () => value } },
    });
    const { id } = await engine.createTask('u', { title: 'T' });
    const outcome = await engine.executor(id, 'u').run().outcome;
    expect(outcome).toMatchObject({ status: 'completed', text: 'Done.' });
    const [result] = await engine.persistence(id, 'u').toolResults();
    if (fate === 'kept') {
      expect(result).toMatchObject({ status: 'success' });
      expect(JSON.stringify(result?.content[0]?.json)).toBe(JSON.stringify(value));
    } else {
      expect(result).toMatchObject({
        status: 'error',
        content: [{ text: expect.stringMatching(/^The result /) }],
      });
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('a lone surrogate and −0 in a result are normalised', async () => {
    const engine = createTaskEngine({
      store,
      model: scriptedModel([{ tools: [{ name: 'odd', input: {} }] }, 'Done.']),
      tools: {
        odd: {
          description: 'Odd.',
          inputSchema: { type: 'object' },
          execute: () => ({ s: 'a\ud800b', z: -0 }),
        },
      },
    });
    const { id } = await engine.createTask('u', { title: 'T' });
    await engine.executor(id, 'u').start();
    const [result] = await engine.persistence(id, 'u').toolResults();
    expect(JSON.stringify(result?.content[0]?.json)).toBe('{"s":"a\ufffdb","z":0}');
  });

  test.each([
    [
      'arrays in arrays in its metadata',
      { metadata: { tags: [['a']] } },
      'STORE_REJECTED',
      /metadata\.tags\[0\]/,
    ],
    [
      '__proto__ in its metadata',
      { metadata: JSON.parse('{"__proto__":{"a":1}}') },
      'STORE_REJECTED',
      /__proto__/,
    ],
    ['a depth of 10,000', { metadata: { deep: deep(10_000) } }, 'INVALID_ARGUMENT', /metadata\.deep/],
    ['a description of 1.2 MB', { description: 'x'.repeat(1_200_000) }, 'TOO_LARGE', /limit/],
    [
      'a plan of 1.2 MB',
      {
        milestones: [
          {
            name: 'M',
            items: Array.from({ length: 12 }, () => ({ name: 'I', description: 'x'.repeat(100_000) })),
          },
        ],
      },
      'TOO_LARGE',
      /limit/,
    ],
  ])('a task with %s is refused before anything is stored', async (_, made, code, message) => {
    const user = `u${Math.random().toString(36).slice(2)}`;
    const creating = createTaskEngine({ store }).createTask(user, { title: 'T', ...made } as never);
    await expect(creating).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await store.list(`users/${user}/tasks`, { limit: 1 })).toEqual([]);
  });

  test('a lone surrogate in a title is replaced', async () => {
    const engine = createTaskEngine({ store });
    const { id } = await engine.createTask('u', { title: 'a\ud800b' });
    expect((await engine.persistence(id, 'u').load()).title).toBe('a\ufffdb');
  });

  test('a document near 1 MiB that its roll-up would burst is refused before a tool runs', async () => {
    const ran: string[] = [];
    const engine = createTaskEngine({
      store,
      model: scriptedModel([{ tools: [{ name: 'effect', input: {} }] }, 'Done.']),
      tools: {
        effect: {
          description: 'Has an effect.',
          inputSchema: { type: 'object' },
          execute: () => ran.push('effect'),
        },
      },
    });
    const now = '2026-01-01T00:00:00.000Z';
    const path = 'users/u/tasks/near';
    const task = (description: string) => ({
      user_id: 'u',
      title: 'T',
      description: '',
      status: 'not_started',
      created_at: now,
      updated_at: now,
      config: { system_prompt: '', auto_approve: true },
      progress: {
        overall_percentage: 0,
        milestones: [
          {
            id: 'm',
            name: 'M',
            description,
            status: 'not_started',
            progress: 0,
            tasks_completed: 0,
            tasks_total: 1,
          },
        ],
        tasks: { m: [{ id: 'i', name: 'I', description: '', status: 'not_started' }] },
      },
    });
    const stored = async (bytes: number) => {
      try {
        await store.commit([{ op: 'create', path, data: task('x'.repeat(bytes)) }]);
        return true;
      } catch (error) {
        expect(error).toMatchObject({ code: 'too_large' });
        return false;
      }
    };
    let bytes = 1_048_400;
    while (!(await stored(bytes))) {
      bytes -= 16;
    }
    const outcome = await engine.executor('near', 'u').run().outcome;
    expect(outcome).toMatchObject({ error: { code: 'TOO_LARGE' } });
    expect(ran).toEqual([]);
  });
});
