import { beforeAll, describe, expect, test } from 'vitest';
import { virtualClock } from '../../../js/clock.js';
import { type TaskHost, TaskLifecycle, TaskPersistence, type TaskStore } from '../../../js/index.js';
import type { TaskEvent } from '../../../js/types.js';
import { type Document, nameOf, placesIn, replaced, replacements } from './documents.js';
import { episode, expectUsable, failOnStrays } from './episode.js';
import { pausedHistory, tools } from './history.js';
import { expectUnharmed, type Snapshot, snapshot, storeWith, taskPath } from './store.js';

failOnStrays();

/** For a test of hundreds of runs, on a machine that is busy. Each run has its own, short limits. */
const timeout = 60_000;

let documents: Record<string, Document> = {};

beforeAll(async () => {
  documents = await pausedHistory();
});

const options = { whileWaiting: 'yield', graceMs: 100, storeTimeoutMs: 500 } as const;
const refusals = ['CORRUPT_HISTORY', 'UNSUPPORTED_SCHEMA', 'STALE_HISTORY', 'LEASE_HELD'];

/** The history is not what it was: its documents are as they were, and the head at most renewed. */
function expectNothingOverwritten(before: Snapshot, after: Snapshot): void {
  for (const [path, json] of before) {
    if (path !== `${taskPath}/engine/head`) expect(after.get(path), path).toBe(json);
  }
  expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
}

const lifecycle = (store: TaskStore) => new TaskLifecycle('t', 'u', impatient(store));
const kept = (store: TaskStore) => new TaskPersistence('t', 'u', impatient(store));

const reads: [string, (store: TaskStore) => Promise<unknown>][] = [
  ['state', (store) => lifecycle(store).state()],
  ['load', (store) => kept(store).load()],
  ['apiMessages', (store) => kept(store).apiMessages()],
  ['toolResults', (store) => kept(store).toolResults()],
  ['taskMessages', (store) => kept(store).taskMessages()],
  ['checkpoint', (store) => kept(store).checkpoint()],
  ['journal', (store) => all(kept(store).journal())],
  ['events', firstEvents],
];

/** Entries that are missing may be on their way: they are waited for. */
function impatient(store: TaskStore): Partial<TaskHost> {
  return { store, clock: virtualClock(), defaults: { storeTimeoutMs: 500 } };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What is stored already, and nothing that is yet to come. */
async function firstEvents(store: TaskStore): Promise<TaskEvent[]> {
  const found: TaskEvent[] = [];
  const events = lifecycle(store).events({ after: '0' });
  for await (const event of events) {
    found.push(event);
    if (found.length === 3) break;
  }
  return found;
}

async function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (thrown: unknown) => thrown ?? new Error('rejected with nothing'),
  );
}

/** Resumes the task with what is stored; refused, it has changed nothing. */
async function resumed(stored: Record<string, Document>, note: string): Promise<string> {
  const store = await storeWith(stored);
  const { error, outcome, before, after } = await episode({
    store,
    turns: () => 'Done.',
    host: { tools },
    options,
    command: 'resume',
  });
  if (outcome === undefined && error !== undefined) {
    expect(refusals, `${note}: ${error}`).toContain(error.code);
    expect(error.message, note).toMatch(
      /\. (Nothing was changed\. )?(Restore|Remove|Upgrade|Watch|.*delete\()/,
    );
    expectNothingOverwritten(before, after);
    return error.code;
  }
  return outcome?.status ?? 'none';
}

describe('the head', () => {
  const fields = [
    'schema',
    'history',
    'created_at',
    'epoch',
    'owner',
    'seq',
    'write_id',
    'last_run',
    'attempts',
    'summary',
    'summary.usage',
    'summary.usage.inputTokens',
    'summary.item',
    'summary.item.id',
    'summary.item.name',
    'summary.waiting',
    'summary.waiting[0]',
    'deleted',
    'unheard_of',
  ];
  const values: [string, unknown][] = [
    ...replacements,
    ['a huge number', Number.MAX_SAFE_INTEGER],
    ['a number beyond', 1e300],
  ];
  const placeOf = (field: string) =>
    field.split(/[.[\]]/).flatMap((step) => (step === '' ? [] : [/^\d+$/.test(step) ? Number(step) : step]));

  test.each(fields)('with %s missing or of any type resumes, or is refused and left alone', async (field) => {
    for (const [what, value] of values) {
      const head = replaced(documents['engine/head'] ?? {}, placeOf(field), value);
      await resumed({ ...documents, 'engine/head': head }, `${field} being ${what}`);
    }
  });

  test.each(fields)('with %s missing or of any type is read, or refused and left alone', async (field) => {
    for (const [what, value] of values) {
      const head = replaced(documents['engine/head'] ?? {}, placeOf(field), value);
      const store = await storeWith({ ...documents, 'engine/head': head });
      const before = await snapshot(store);
      for (const [name, read] of reads) {
        const thrown = await thrownBy(read(store));
        if (thrown === undefined) continue;
        expect(refusals, `${name} with ${field} being ${what}: ${thrown}`).toContain(
          expectUsable(thrown).code,
        );
      }
      expect(await snapshot(store)).toEqual(before);
    }
  });

  test.each(['id', 'holder', 'ttl_ms', 'heartbeat_ms', 'grace_ms', 'store_timeout_ms'])(
    'with %s of its owner missing or of any type is waited for, taken over or refused',
    async (field) => {
      const owner = {
        id: 'someone.1',
        ttl_ms: 300,
        heartbeat_ms: 100,
        grace_ms: 100,
        store_timeout_ms: 100,
        ...(field === 'holder' && { holder: 'h' }),
      };
      for (const [what, value] of values) {
        const head = { ...documents['engine/head'], owner: replaced(owner, [field], value) };
        const store = await storeWith({ ...documents, 'engine/head': head });
        const { error, before, after } = await episode({
          store,
          host: { tools },
          options: { ...options, waitForLeaseMs: 0 },
          command: 'resume',
        });
        if (error === undefined) continue;
        expect(refusals, `${field} being ${what}: ${error}`).toContain(error.code);
        expectNothingOverwritten(before, after);
      }
    },
  );

  test('of a newer version is refused, and says what to upgrade', async () => {
    const head = { ...documents['engine/head'], schema: 2 };
    const { error } = await episode({
      store: await storeWith({ ...documents, 'engine/head': head }),
      command: 'resume',
    });
    expect(error).toMatchObject({ code: 'UNSUPPORTED_SCHEMA', details: { schema: 2 } });
    expect(error?.message).toContain('Upgrade the package');
  });
});

describe('the journal', () => {
  const names = ['seq', 'epoch', 'write_id', 'at', 'kinds', 'json'];

  test.each(names)('with %s of an entry missing or of any type resumes, or is refused', async (field) => {
    for (const path of ['journal/00000001', 'journal/00000005', 'journal/00000008']) {
      for (const [what, value] of replacements) {
        const entry = replaced(documents[path] ?? {}, [field], value);
        await resumed({ ...documents, [path]: entry }, `${field} of ${path} being ${what}`);
      }
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'with anything inside of entry %i missing or of any type resumes, or is refused',
    { timeout },
    async (seq) => {
      const path = `journal/0000000${seq}`;
      const entry = documents[path] ?? {};
      const body = JSON.parse(String(entry.json)) as Document;
      for (const place of placesIn(body)) {
        for (const [what, value] of replacements) {
          const json = JSON.stringify(replaced(body, place, value));
          await resumed({ ...documents, [path]: { ...entry, json } }, `${nameOf(place)} being ${what}`);
        }
      }
    },
  );

  const holes: [string, (stored: Record<string, Document>) => void][] = [
    ['a missing entry', (stored) => Reflect.deleteProperty(stored, 'journal/00000004')],
    ['no first entry', (stored) => Reflect.deleteProperty(stored, 'journal/00000001')],
    ['no last entry', (stored) => Reflect.deleteProperty(stored, 'journal/00000008')],
    [
      'a foreign document',
      (stored) => {
        stored['journal/notes'] = { text: 'x' };
      },
    ],
    [
      'a part that continues nothing',
      (stored) => {
        stored['journal/00000004.0002'] = { ...stored['journal/00000004'] };
      },
    ],
    [
      'an entry cut in the middle',
      (stored) => {
        const entry = stored['journal/00000002'] ?? {};
        stored['journal/00000002'] = { ...entry, json: String(entry.json).slice(0, 99) };
      },
    ],
    [
      'two entries exchanged',
      (stored) => {
        const [a, b] = [stored['journal/00000002'] ?? {}, stored['journal/00000003'] ?? {}];
        stored['journal/00000002'] = { ...b, seq: 2 };
        stored['journal/00000003'] = { ...a, seq: 3 };
      },
    ],
    [
      'an entry twice',
      (stored) => {
        stored['journal/00000004'] = { ...stored['journal/00000003'], seq: 4 };
      },
    ],
    [
      'a falling epoch',
      (stored) => {
        stored['journal/00000002'] = { ...stored['journal/00000002'], epoch: 9 };
      },
    ],
  ];
  test.each(holes)('with %s is refused as corrupt, and says where and what to do', async (_, spoil) => {
    const stored = { ...documents };
    spoil(stored);
    expect(await resumed(stored, '')).toBe('CORRUPT_HISTORY');
    const store = await storeWith(stored);
    const before = await snapshot(store);
    for (const read of [reads[1], reads[2]]) {
      expect(await thrownBy(read?.[1](store) ?? Promise.resolve())).toMatchObject({
        code: 'CORRUPT_HISTORY',
      });
    }
    expect(await snapshot(store)).toEqual(before);
  });

  test('that is corrupt can be given up at once, and the task begins anew', async () => {
    const store = await storeWith({ ...documents, 'journal/00000004': { text: 'x' } });
    const first = await episode({ store, host: { tools }, options, command: 'resume' });
    expect(first.error?.code).toBe('CORRUPT_HISTORY');
    await new TaskPersistence('t', 'u', { store }).delete({ keepTask: true });
    expectUnharmed(new Map([...first.before].filter(([path]) => path === taskPath)), await snapshot(store));
    const second = await episode({ store, host: { tools }, options, command: 'resume' });
    expect(second.outcome?.status).toBe('completed');
  });
});
