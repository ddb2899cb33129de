import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { StoreWrite, TaskStore } from '../../../js/types.js';
import { projectUnder } from './clients.js';

const task = 'users/ada/tasks/t';
const at = '2026-11-24T08:00:00.000Z';
const message = { kind: 'message', text: 'Go on.', at };
const decision = { kind: 'decision', tool_call_id: 'c', asked_seq: 4, nonce: 'n', json: '{}', at };
const documents: Record<string, Record<string, unknown>> = {
  [task]: {
    user_id: 'ada',
    title: 'T',
    status: 'in_progress',
    updated_at: at,
    execution: { error: 'before' },
  },
  [`${task}/engine/head`]: { epoch: 1 },
  [`${task}/journal/00000001`]: { seq: 1, json: '{}' },
  [`${task}/messages/m`]: { content: 'Hello.' },
  [`${task}/inbox/0000000000001-x`]: message,
  'users/ada/tasks/paused': { user_id: 'ada', status: 'paused', updated_at: at },
  'users/ada/tasks/foreign': { user_id: 'bob', status: 'in_progress', updated_at: at },
};
/** What text and json of a document in the inbox may have together: senders, rules and reader agree on it. */
const source = readFileSync(new URL('../../../src/storage/inbox.rs', import.meta.url), 'utf8');
const most = Number(/MAX_BYTES: usize = ([\d_]+);/.exec(source)?.[1]?.replaceAll('_', ''));
const bytes = (count: number) => 'ä'.repeat(count / 2);

type Field = { path: string[]; value?: unknown; delete?: true };
const set = (path: string, value: unknown): Field => ({ path: path.split('.'), value });
const update = (path: string, ...fields: Field[]): StoreWrite => ({ op: 'update', path, fields });
const create = (path: string, data: Record<string, unknown>): StoreWrite => ({ op: 'create', path, data });
const remove = (path: string): StoreWrite => ({ op: 'delete', path });
const paused = [set('status', 'paused'), set('updated_at', at)];

/** What the owner writes, in the words of the tests' names. */
const operations: Record<string, StoreWrite> = {
  'pause the task': update(task, ...paused),
  'stop the task with a reason': update(task, ...paused, set('execution.abort_reason', 'enough')),
  'take the reason away': update(task, ...paused, { path: ['execution', 'abort_reason'], delete: true }),
  'touch the task': update(task, set('updated_at', at.replace('08', '09'))),
  'stop a task that is paused, with a reason': update(
    'users/ada/tasks/paused',
    ...paused,
    set('execution', { abort_reason: bytes(10_000) }),
  ),
  'put a message into the inbox': create(`${task}/inbox/0000000000002-x`, message),
  'put a message as long as may be into the inbox': create(`${task}/inbox/0000000000002-x`, {
    ...message,
    text: bytes(most / 2),
    json: bytes(most / 2),
  }),
  'answer a call at length': create(`${task}/inbox/decision-c-4`, {
    ...decision,
    nonce: bytes(100),
    json: bytes(most),
  }),
  'decide a call': create(`${task}/inbox/decision-c-4`, decision),
  'take a message out of the inbox': remove(`${task}/inbox/0000000000001-x`),
  'change the title': update(task, set('title', 'U')),
  'change the plan': update(task, set('progress.milestones', [])),
  'change execution.error': update(task, set('execution.error', 'mine')),
  'replace all of execution': update(task, set('execution', { abort_reason: 'x' })),
  'store a reason that is no string': update(task, ...paused, set('execution.abort_reason', 7)),
  'store a status that there is not': update(task, set('status', 'halted')),
  'store a reason that is too long': update(task, ...paused, set('execution.abort_reason', bytes(10_002))),
  'store a time that is too long': update(task, set('updated_at', bytes(42))),
  'store a time that is no string': update(task, set('updated_at', 7)),
  'complete the task': update(task, set('status', 'completed')),
  'fail the task': update(task, set('status', 'failed')),
  'set the task back to its beginning': update(task, set('status', 'not_started')),
  'let a paused task go on': update('users/ada/tasks/paused', set('status', 'in_progress')),
  'fail a paused task': update('users/ada/tasks/paused', set('status', 'failed')),
  'give the task to another user': update(task, set('user_id', 'bob')),
  'create a task': create('users/ada/tasks/new', { user_id: 'ada', status: 'not_started' }),
  'create a task of another user': create('users/ada/tasks/new', { user_id: 'bob', status: 'not_started' }),
  'delete the task': remove(task),
  'write the head': update(`${task}/engine/head`, set('epoch', 2)),
  'delete the head': remove(`${task}/engine/head`),
  'store the text of a turn': create(`${task}/engine/live`, { text: 'So far' }),
  'write another document beside the head': create(`${task}/engine/tail`, { epoch: 2 }),
  'add to the journal': create(`${task}/journal/00000002`, { seq: 2 }),
  'change an entry of the journal': update(`${task}/journal/00000001`, set('json', '[]')),
  'delete an entry of the journal': remove(`${task}/journal/00000001`),
  'add to the thread': create(`${task}/messages/n`, { content: 'mine' }),
  'change a message of the thread': update(`${task}/messages/m`, set('content', 'mine')),
  'change what is in the inbox': update(`${task}/inbox/0000000000001-x`, set('text', 'Stop.')),
  'put a blank message into the inbox': create(`${task}/inbox/b`, { ...message, text: ' ' }),
  'put a message with a further field into the inbox': create(`${task}/inbox/b`, {
    ...message,
    role: 'system',
  }),
  'put a message without a time into the inbox': create(`${task}/inbox/b`, { kind: 'message', text: 'x' }),
  'put a message that is too long into the inbox': create(`${task}/inbox/b`, {
    ...message,
    text: bytes(most + 2),
  }),
  'put a message that is too long with its blocks into the inbox': create(`${task}/inbox/b`, {
    ...message,
    text: bytes(most / 2),
    json: bytes(most / 2 + 2),
  }),
  'put a message into the inbox that the thread has already': create(`${task}/inbox/m`, message),
  'put a message of an endless time into the inbox': create(`${task}/inbox/b`, { ...message, at: bytes(42) }),
  'put a message into the inbox of a task that does not exist': create(
    'users/ada/tasks/none/inbox/b',
    message,
  ),
  'put a message into the inbox of a task that is somebody else’s': create(
    'users/ada/tasks/foreign/inbox/b',
    message,
  ),
  'decide a call of a task that does not exist': create('users/ada/tasks/none/inbox/decision-c-4', decision),
  'put something else into the inbox': create(`${task}/inbox/b`, { kind: 'later', at }),
  'decide under the id of another question': create(`${task}/inbox/decision-c-5`, decision),
  'decide under the id of another call': create(`${task}/inbox/decision-d-4`, decision),
  'decide under an id that only ends as it should': create(`${task}/inbox/decision-x-c-4`, decision),
  'decide a call whose id is too long': create(`${task}/inbox/decision-${'c'.repeat(65)}-4`, {
    ...decision,
    tool_call_id: 'c'.repeat(65),
  }),
  'decide with a nonce that is too long': create(`${task}/inbox/decision-c-4`, {
    ...decision,
    nonce: bytes(102),
  }),
  'answer a call with more than fits': create(`${task}/inbox/decision-c-4`, {
    ...decision,
    json: bytes(most + 2),
  }),
  'decide at an endless time': create(`${task}/inbox/decision-c-4`, { ...decision, at: bytes(42) }),
  'decide a question before the first': create(`${task}/inbox/decision-c--1`, { ...decision, asked_seq: -1 }),
  'decide without a nonce': create(`${task}/inbox/decision-c-4`, { ...decision, nonce: null }),
  'decide with content that is no text': create(`${task}/inbox/decision-c-4`, { ...decision, json: {} }),
  'write a collection that is none of the engine’s': create(`${task}/other/x`, { a: 1 }),
};

const commands = [
  'pause the task',
  'stop the task with a reason',
  'take the reason away',
  'touch the task',
  'stop a task that is paused, with a reason',
  'put a message into the inbox',
  'put a message as long as may be into the inbox',
  'decide a call',
  'answer a call at length',
  'take a message out of the inbox',
];
const forbiddenToEngines = [
  'give the task to another user',
  'create a task of another user',
  'write another document beside the head',
  'change an entry of the journal',
  'change a message of the thread',
  'change what is in the inbox',
  'write a collection that is none of the engine’s',
];
const everything = Object.keys(operations);

describe.each([
  { file: 'firestore.rules' as const, allowed: commands },
  {
    file: 'firestore.browser.rules' as const,
    allowed: everything.filter((name) => !forbiddenToEngines.includes(name)),
  },
])('under $file', ({ file, allowed }) => {
  let under: Awaited<ReturnType<typeof projectUnder>>;

  beforeAll(async () => {
    under = await projectUnder(file);
  });

  const fresh = async () => {
    const paths = [...Object.values(operations).map(({ path }) => path), ...Object.keys(documents)];
    await under.server.commit([...new Set(paths)].map(remove));
    await under.server.commit(Object.entries(documents).map(([path, data]) => create(path, data)));
  };
  const write = async (store: TaskStore, name: string) => {
    await fresh();
    return store.commit([operations[name] as StoreWrite]);
  };

  test.each(allowed)('the owner may %s', async (name) => {
    await expect(write(under.user('ada'), name)).resolves.toHaveProperty('version');
  });

  test.each(everything.filter((name) => !allowed.includes(name)))('the owner may not %s', async (name) => {
    await expect(write(under.user('ada'), name)).rejects.toMatchObject({ code: 'denied' });
  });

  test.each(everything)('another user may not %s', async (name) => {
    await expect(write(under.user('bob'), name)).rejects.toMatchObject({ code: 'denied' });
  });

  test.each(everything)('without a user nobody may %s', async (name) => {
    await expect(write(under.anonymous, name)).rejects.toMatchObject({ code: 'denied' });
  });

  test('the owner reads and lists every document of the task, and nobody else does', async () => {
    await fresh();
    const paths = Object.keys(documents);
    expect(await under.user('ada').read(paths)).toMatchObject(paths.map((path) => ({ path })));
    for (const path of paths) {
      for (const store of [under.user('bob'), under.anonymous]) {
        await expect(store.read([path]), path).rejects.toMatchObject({ code: 'denied' });
      }
    }
    for (const collection of ['journal', 'messages', 'inbox', 'engine'].map((name) => `${task}/${name}`)) {
      if (!(file === 'firestore.browser.rules' && collection.endsWith('engine'))) {
        expect(await under.user('ada').list(collection, { limit: 5 })).toHaveLength(1);
      }
      for (const store of [under.user('bob'), under.anonymous]) {
        await expect(store.list(collection, { limit: 5 })).rejects.toMatchObject({ code: 'denied' });
      }
    }
  });
});
