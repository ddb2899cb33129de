import { describe, expect, test } from 'vitest';
import {
  createTask,
  memoryStore,
  TaskExecutor,
  TaskLifecycle,
  TaskPersistence,
  type TaskStore,
} from '../../../js/index.js';
import { olderTask } from './documents.js';
import { expectUsable, failOnStrays } from './episode.js';
import { snapshot, storeWith } from './store.js';

failOnStrays();

const throwing = new Proxy(
  {},
  {
    get() {
      throw new Error('trap');
    },
  },
);

const hostile: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 7],
  ['NaN', Number.NaN],
  ['a BigInt', 7n],
  ['a symbol', Symbol('id')],
  ['a boolean', true],
  ['an object', { toString: () => 'id' }],
  ['an array', ['id']],
  ['a function', () => 'id'],
  ['a proxy whose traps throw', throwing],
  ['a String object', Object('id')],
  ['an empty string', ''],
  ['a slash', '/'],
  ['a path', 'a/b'],
  ['a climbing path', '../../tasks/x'],
  ['a dot', '.'],
  ['two dots', '..'],
  ['a reserved name', '__proto__'],
  ['another reserved name', '__x__'],
  ['a lone high surrogate', 'a\ud800'],
  ['a lone low surrogate', '\udc00a'],
  ['1,501 bytes', 'x'.repeat(1_501)],
  ['1,502 bytes of two each', 'ä'.repeat(751)],
  ['a NUL', 'a\0b'],
  ['a line break', 'a\nb'],
  ['an escape', '\u001b[2J'],
  ['5 MB', 'x'.repeat(5_000_000)],
];

function thrownBy(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (thrown) {
    return thrown;
  }
}

async function rejected(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (thrown) {
    return thrown;
  }
}

describe.each(hostile)('%s', (_, id) => {
  test.each([
    ['TaskExecutor', (taskId: never, userId: never) => new TaskExecutor(taskId, userId)],
    ['TaskLifecycle', (taskId: never, userId: never) => new TaskLifecycle(taskId, userId)],
    ['TaskPersistence', (taskId: never, userId: never) => new TaskPersistence(taskId, userId)],
  ])('is refused by the constructor of %s, with the name of the argument', (_, make) => {
    for (const [name, work] of [
      ['taskId', () => make(id as never, 'u' as never)],
      ['userId', () => make('t' as never, id as never)],
    ] as const) {
      const error = expectUsable(thrownBy(work));
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', details: { argument: name } });
      expect(error.message).toMatch(new RegExp(`^${name} .*\\. The arguments are \\(taskId, userId\\)\\.$`));
      expect(error.message.length).toBeLessThan(200);
    }
  });

  test('is refused as the user of a new task, and nothing is stored', async () => {
    const store = memoryStore();
    const error = expectUsable(await rejected(() => createTask(id as string, { title: 'x' }, { store })));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', details: { argument: 'userId' } });
    expect(await store.list('users/u/tasks', { limit: 1 })).toEqual([]);
  });
});

test('the longest id, and one of four bytes a character, are ids', () => {
  for (const id of ['x'.repeat(1_500), '\u{1f600}'.repeat(375), '_', '___', '__a', '...', 'a b', '%2F']) {
    expect(new TaskExecutor(id, id).taskId).toBe(id);
  }
});

/** Whatever is no id of a call, a message or an event. */
const foreign: [string, unknown][] = [
  ...hostile,
  ['an id that nothing has', 'nobody'],
  ['the name of a method', 'constructor'],
  ['5 MB of lone surrogates', '\ud800'.repeat(2_000_000)],
];

const commands: [string, (id: never, task: TaskLifecycle, kept: TaskPersistence) => Promise<unknown>][] = [
  ['approve', (id, task) => task.approve(id)],
  ['reject', (id, task) => task.reject(id)],
  ['answer', (id, task) => task.answer(id, 1)],
  ['saveToolResult', (id, _, kept) => kept.saveToolResult({ toolCallId: id, result: 1 })],
];

describe.each(commands)('%s', (_, give) => {
  test.each(foreign)('refuses %s as the id of a call, and writes nothing', async (_, id) => {
    const store = await storeWith({ '': olderTask() });
    const before = await snapshot(store);
    const task = new TaskLifecycle('t', 'u', { store });
    const error = expectUsable(
      await rejected(() => give(id as never, task, new TaskPersistence('t', 'u', { store }))),
    );
    expect(error.code).toBe('INVALID_ARGUMENT');
    if (typeof id !== 'string') expect(error.message).toMatch(/toolCallId (is|must be) .*string/);
    expect(error.message.length).toBeLessThan(500);
    expect(await snapshot(store)).toEqual(before);
  });
});

async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}

const cursors: [string, (after: never, store: TaskStore) => Promise<unknown>][] = [
  ['events', (after, store) => first(new TaskLifecycle('t', 'u', { store }).events({ after }))],
  ['journal', (after, store) => first(new TaskPersistence('t', 'u', { store }).journal({ after }))],
];

describe.each(cursors)('%s', (name, read) => {
  test.each(foreign.filter(([, cursor]) => cursor !== undefined && !(name === 'journal' && cursor === 7)))(
    'refuses %s as a cursor',
    async (_, cursor) => {
      const store = await storeWith({ '': olderTask() });
      const error = expectUsable(await rejected(() => read(cursor as never, store)));
      expect(error.code).toBe('INVALID_ARGUMENT');
      expect(error.message).toContain('after');
      expect(error.message.length).toBeLessThan(500);
    },
  );
});

test.each(foreign.filter(([, after]) => after !== undefined))(
  'taskMessages refuses %s as a message to begin after',
  async (_, after) => {
    const store = await storeWith({
      '': olderTask(),
      'messages/m1': { role: 'user', content: 'x', timestamp: '1' },
    });
    const error = expectUsable(
      await rejected(() => new TaskPersistence('t', 'u', { store }).taskMessages({ after: after as string })),
    );
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message.length).toBeLessThan(500);
  },
);

test.each([
  ['reason of reject', (task: TaskLifecycle, value: never) => task.reject('c', value)],
  ['note', (task: TaskLifecycle, value: never) => task.approve('c', { note: value })],
  ['text', (task: TaskLifecycle, value: never) => task.send(value)],
])('a %s that is no string is refused by name, and writes nothing', async (name, give) => {
  for (const value of [null, 7, 7n, Symbol('x'), {}, throwing, () => 'x', Number.NaN]) {
    const store = await storeWith({ '': olderTask() });
    const before = await snapshot(store);
    const error = expectUsable(
      await rejected(() => give(new TaskLifecycle('t', 'u', { store }), value as never)),
    );
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(name.split(' ')[0]);
    expect(await snapshot(store)).toEqual(before);
  }
});
