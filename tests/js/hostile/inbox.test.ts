import { beforeAll, describe, expect, test, vi } from 'vitest';
import { TaskLifecycle } from '../../../js/index.js';
import { type Document, olderTask, placesIn, replaced, replacements } from './documents.js';
import { episode, failOnStrays } from './episode.js';
import { documentsOf, pausedHistory, tools } from './history.js';
import { storeWith, taskPath } from './store.js';

failOnStrays();

const silent = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };

let waiting: Record<string, Document> = {};
let decision: [string, Document] = ['', {}];
let message: [string, Document] = ['', {}];

function only(documents: Record<string, Document>, begin: string): [string, Document] {
  const found = Object.entries(documents).find(([path]) => path.startsWith(begin));
  if (found === undefined) throw new Error(`no ${begin} among ${Object.keys(documents)}`);
  return found;
}

beforeAll(async () => {
  waiting = await pausedHistory();
  const store = await storeWith(waiting);
  const task = new TaskLifecycle('t', 'u', { store });
  await task.approve('c3', { note: 'go' });
  await task.send('Hello there.');
  const stored = await documentsOf(store);
  decision = only(stored, 'inbox/decision-');
  message = only(stored, 'inbox/1');
});

/** A run over an inbox that holds these documents. */
async function withInbox(documents: Record<string, Document>) {
  const logger = { ...silent, warn: vi.fn() };
  const run = await episode({
    store: await storeWith({ ...waiting, ...documents }),
    host: { tools, logger },
    options: { whileWaiting: 'yield' },
    command: 'resume',
  });
  return { ...run, notes: logger.warn.mock.calls.map(([note]) => String(note)) };
}

test('a decision that is sound is taken and removed', async () => {
  const { outcome, after } = await withInbox({ [decision[0]]: decision[1] });
  expect(outcome?.status).toBe('completed');
  expect([...after.keys()].filter((path) => path.includes('/inbox/'))).toEqual([]);
});

describe('a document of the inbox that nobody sent', () => {
  const foreign: [string, Document, boolean?][] = [
    ['is empty', {}],
    ['is of a kind that a later version may know', { kind: 'later', text: 'x' }, true],
    ['says nothing', { kind: 'message', text: ' ' }],
    ['is deep', { kind: { kind: { kind: ['message'] } } }],
    ['has a long kind', { kind: 'x'.repeat(800_000) }, true],
    ['is too large', { kind: 'message', text: 'x'.repeat(900_001) }],
    ['is of an unknown kind and too large', { kind: 'later', what: 'x'.repeat(920_000) }],
  ];
  test.each(foreign)('and %s is told of once, and the run goes on', async (_, document, stays) => {
    const { error, outcome, before, after, notes } = await withInbox({ 'inbox/junk': document });
    expect(error).toBeUndefined();
    expect(outcome?.status).toBe('yielded');
    const path = `${taskPath}/inbox/junk`;
    expect(after.get(path)).toBe(stays ? before.get(path) : undefined);
    expect(notes.filter((note) => note.includes(path))).toHaveLength(1);
    expect(notes.join('').length).toBeLessThan(1_000);
  });

  test('does not keep a task from completing, however many there are', async () => {
    const documents = (kind: string) =>
      Array.from({ length: 250 }, (_, i) => [`inbox/${kind}-${i}`, { kind, text: ' ', i }]);
    const inbox = Object.fromEntries([...documents('later'), ...documents('message')]);
    const logger = { ...silent, warn: vi.fn() };
    const { outcome, after } = await episode({
      store: await storeWith({ '': olderTask(), ...inbox }),
      host: { logger },
    });
    expect(outcome?.status).toBe('completed');
    const left = [...after.keys()].filter((path) => path.includes('/inbox/'));
    expect(left.filter((path) => path.includes('/inbox/later'))).toHaveLength(250);
    expect(left).toHaveLength(250);
    expect(logger.warn.mock.calls.length).toBeLessThanOrEqual(200);
  });
});

describe('with anything missing or of any type', () => {
  test('a decision is taken, dropped or left with a note, and never runs what was not approved', async () => {
    for (const place of placesIn(decision[1])) {
      for (const [what, value] of replacements) {
        const spoiled = replaced(decision[1], place, value);
        const { error, outcome } = await withInbox({ [decision[0]]: spoiled });
        expect(error, `${place} being ${what}`).toBeUndefined();
        expect(['completed', 'yielded'], `${place} being ${what}`).toContain(outcome?.status);
      }
    }
  });

  test('the content of a decision is taken, dropped or left with a note', async () => {
    const content = JSON.parse(String(decision[1].json)) as Document;
    for (const place of placesIn(content)) {
      for (const [what, value] of replacements) {
        const json = JSON.stringify(replaced(content, place, value));
        const { error, outcome } = await withInbox({ [decision[0]]: { ...decision[1], json } });
        expect(error, `${place} being ${what}`).toBeUndefined();
        expect(['completed', 'yielded'], `${place} being ${what}`).toContain(outcome?.status);
      }
    }
  });

  test('a message is told to the model or left with a note', async () => {
    for (const place of placesIn(message[1])) {
      for (const [what, value] of replacements) {
        const spoiled = replaced(message[1], place, value);
        const { error, outcome } = await withInbox({ [message[0]]: spoiled, [decision[0]]: decision[1] });
        expect(error, `${place} being ${what}`).toBeUndefined();
        expect(outcome?.status, `${place} being ${what}`).toBe('completed');
      }
    }
  });
});

describe('a decision that is not for what waits', () => {
  const others: [string, (sound: Document) => Document][] = [
    ['another call', (sound) => ({ ...sound, tool_call_id: 'c9' })],
    ['a call that has its result', (sound) => ({ ...sound, tool_call_id: 'c1' })],
    ['another question', (sound) => ({ ...sound, asked_seq: 1 })],
    ['a question to come', (sound) => ({ ...sound, asked_seq: 99 })],
  ];
  test.each(others)('but for %s is removed, and nothing runs', async (_, change) => {
    const sent = { [message[0]]: message[1], [decision[0]]: change(decision[1]) };
    const { outcome, after, of } = await withInbox(sent);
    expect(outcome?.status).toBe('yielded');
    expect(of('task:tool_result')).toEqual([]);
    expect([...after.keys()].filter((path) => path.includes('/inbox/'))).toEqual([]);
  });

  test('approves nothing under the id of a message', async () => {
    const { outcome, of } = await withInbox({ [message[0]]: decision[1] });
    expect(['completed', 'yielded']).toContain(outcome?.status);
    expect(of('task:tool_result').length).toBeLessThan(2);
  });
});
