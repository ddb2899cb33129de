import type { TaskStore, TasksQuery } from '../types.js';
import { claim, fails, same, until, wait } from './claims.js';
import { type Check, create, readOne, set, task } from './conformance-check.js';
import { dataChecks } from './conformance-data.js';

/** A store under test, and another handle on the same data where the store can have several. */
export interface StoreUnderTest {
  /** An empty store. */
  store: TaskStore;
  /** Default: the same handle. */
  another?: TaskStore;
  /** Called after each case. */
  dispose?(): void | Promise<void>;
}

/** One case: throws where the store breaks the contract. */
export interface ConformanceCase {
  /** What the store has to do, as a sentence. */
  name: string;
  /** Rejects where the store does not. */
  run(): Promise<void>;
}

const checks: Record<string, Check> = {
  async 'what was created is read back, absent documents as null, in the order asked for'(store, another) {
    const data = {
      text: 'ünï😀',
      n: 1.5,
      yes: true,
      nothing: null,
      list: [1, { a: 'b' }],
      map: { deep: { er: [] } },
    };
    await store.commit([create(task, data)]);
    const [missing, found] = await another.read(['users/u/tasks/none', task]);
    same(missing, null, 'the absent document');
    same(found?.data, data, 'the data');
    same(found?.path, task, 'the path');
    claim(typeof found?.version === 'string' && found.version !== '', 'a version is a string');
  },

  async 'nothing is shared with what was handed in or out'(store) {
    const data = { list: ['a'] };
    await store.commit([create(task, data)]);
    data.list.push('b');
    (await readOne(store, task)).data.list = 'changed';
    same((await readOne(store, task)).data, { list: ['a'] }, 'the data');
  },

  async 'creating what exists fails and changes nothing'(store, another) {
    await store.commit([create(task, { a: 1 })]);
    const before = await readOne(store, task);
    await fails(another.commit([create(task, { a: 2 })]), ['exists'], 'the second create');
    const after = await readOne(store, task);
    same([after.data, after.version], [before.data, before.version], 'the document');
  },

  async 'an update changes the fields it names, at any depth, and no other'(store) {
    await store.commit([create(task, { keep: 1, deep: { keep: 2, change: 3, drop: 4 }, 'a.b': 5 })]);
    await store.commit([
      {
        op: 'update',
        path: task,
        fields: [
          { path: ['deep', 'change'], value: { x: 1 } },
          { path: ['deep', 'drop'], delete: true },
          { path: ['new', 'branch', 'leaf'], value: null },
          { path: ['a.b'], value: 6 },
          { path: ['not', 'there'], delete: true },
        ],
      },
    ]);
    same(
      (await readOne(store, task)).data,
      { keep: 1, deep: { keep: 2, change: { x: 1 } }, new: { branch: { leaf: null } }, 'a.b': 6 },
      'the data',
    );
  },

  async 'updating what does not exist fails'(store) {
    await fails(store.commit([set(task, ['a'], 1)]), ['not_found'], 'the update');
    same(await store.read([task]), [null], 'the document');
  },

  async 'an update holds only at the version that was read'(store, another) {
    await store.commit([create(task, { n: 0 })]);
    const { version } = await readOne(store, task);
    await another.commit([set(task, ['n'], 1, version)]);
    await fails(store.commit([set(task, ['n'], 2, version)]), ['conflict'], 'the stale update');
    same((await readOne(store, task)).data, { n: 1 }, 'the data');
  },

  async 'a commit returns the version that its documents have'(store) {
    const other = `${task}/journal/00000001`;
    const { version } = await store.commit([create(task, { n: 0 }), create(other, { n: 0 })]);
    same(
      (await store.read([task, other])).map((d) => d?.version),
      [version, version],
      'the versions',
    );
    const second = await store.commit([set(task, ['n'], 1, version)]);
    same((await readOne(store, task)).version, second.version, 'the version after the update');
  },

  async 'a version never comes back, not even after a deletion'(store) {
    const seen = new Set<string>();
    for (let i = 0; i < 4; i++) {
      seen.add((await store.commit([create(task, { n: 1 })])).version);
      seen.add((await store.commit([set(task, ['n'], 2)])).version);
      await store.commit([{ op: 'delete', path: task }]);
    }
    same(seen.size, 8, 'the number of versions');
  },

  async 'deleting is idempotent, but not where a version is asked for'(store) {
    const { version } = await store.commit([create(task, { n: 0 })]);
    await fails(
      store.commit([{ op: 'delete', path: task, ifVersion: `${version}0` }]),
      ['conflict'],
      'a stale delete',
    );
    await store.commit([{ op: 'delete', path: task, ifVersion: version }]);
    await store.commit([{ op: 'delete', path: task }]);
    same(await store.read([task]), [null], 'the document');
    await fails(
      store.commit([{ op: 'delete', path: task, ifVersion: version }]),
      ['conflict', 'not_found'],
      'deleting a version of what is gone',
    );
  },

  async 'a commit is all or nothing'(store) {
    await store.commit([create(task, { n: 0 })]);
    const one = `${task}/journal/00000001`;
    await fails(
      store.commit([create(one, {}), set(task, ['n'], 1, 'stale')]),
      ['conflict'],
      'the last write fails',
    );
    const two = `${task}/journal/00000002`;
    await store.commit([create(two, {})]);
    await fails(store.commit([set(task, ['n'], 1), create(two, {})]), ['exists'], 'the last create fails');
    same(
      (await store.read([one, task])).map((d) => d?.data ?? null),
      [null, { n: 0 }],
      'the documents',
    );
  },

  async 'twenty racers for one version have one winner'(store, another) {
    await store.commit([create(task, { n: -1 })]);
    const { version } = await readOne(store, task);
    const racers = Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? store : another).commit([
        set(task, ['n'], i, version),
        create(`${task}/journal/${String(i).padStart(8, '0')}`, { i }),
      ]),
    );
    const results = await Promise.allSettled(racers);
    const winners = results.flatMap((r, i) => (r.status === 'fulfilled' ? [i] : []));
    same(winners.length, 1, 'the number of winners');
    for (const result of results) {
      if (result.status === 'rejected') {
        same((result.reason as { code?: unknown }).code, 'conflict', 'what the losers hear');
      }
    }
    same((await readOne(store, task)).data, { n: winners[0] }, 'what is stored');
    same(
      (await store.list(`${task}/journal`, { limit: 30 })).map((d) => d.data),
      [{ i: winners[0] }],
      'the journal',
    );
  },

  async 'twenty racers to create one document have one winner'(store, another) {
    const racers = Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? store : another).commit([create(task, { i })]),
    );
    const results = await Promise.allSettled(racers);
    same(results.filter((r) => r.status === 'fulfilled').length, 1, 'the number of winners');
  },

  async 'a collection is listed by document id, page by page, without what lies deeper'(store, another) {
    const ids = ['00000002', '00000010', '00000002.0001', 'a', 'B', 'é', '\uFFFD', '😀'];
    for (const id of ids) {
      await store.commit([create(`${task}/journal/${id}`, { id })]);
    }
    await store.commit([
      create(`${task}/journal/a/deeper/x`, {}),
      create(`${task}/journals/x`, {}),
      create(task, {}),
    ]);
    const expected = ['00000002', '00000002.0001', '00000010', 'B', 'a', 'é', '\uFFFD', '😀'];
    const seen: unknown[] = [];
    let after: string | undefined;
    for (let page = 0; page < 10; page++) {
      const found = await another.list(
        `${task}/journal`,
        after === undefined ? { limit: 3 } : { limit: 3, after },
      );
      seen.push(...found.map((d) => d.data.id));
      after = found.at(-1)?.path.split('/').at(-1);
      claim(found.length <= 3, 'a page is as long as asked for at most');
      if (found.length < 3) {
        break;
      }
    }
    same(seen, expected, 'the ids in order');
    same(await store.list('users/u/nothing', { limit: 1 }), [], 'a collection that does not exist');
    same(
      (await store.list(`${task}/journal`, { limit: 9, after: '0000000' })).length,
      8,
      'after an id that is not there',
    );
  },

  async 'tasks are found by user and status, the newest first or the oldest, page by page'(store, another) {
    if (!store.tasks) {
      return;
    }
    const made = (user: string, id: string, day: string, status = 'in_progress') =>
      create(`users/${user}/tasks/${id}`, { status, created_at: `2026-01-${day}T00:00:00.000Z` });
    await store.commit([
      made('a', 'old', '01'),
      made('a', 'twin 2', '03'),
      made('a', 'twin 1', '03'),
      made('a', 'paused', '04', 'paused'),
      made('b', 'middle', '02'),
      made('b', 'new', '05'),
      // what only looks like a task of a user
      create('users/a/tasks/old/journal/00000001', { status: 'in_progress', created_at: '2026' }),
      create('users/a/tasks/old/tasks/below', { status: 'in_progress', created_at: '2026' }),
      create('projects/p/tasks/other', { status: 'in_progress', created_at: '2026' }),
      create('users/a/task_notes/x', { status: 'in_progress', created_at: '2026' }),
    ]);
    const all = async (query: Omit<TasksQuery, 'limit' | 'after'>) => {
      const ids: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = (await another.tasks?.({ ...query, limit: 2, after })) ?? [];
        ids.push(...page.map(({ path }) => path.split('/').at(-1) ?? ''));
        const last = page.at(-1);
        if (last === undefined || ids.length > 10) return ids;
        after = `${last.data.created_at} ${last.path}`;
      }
    };
    same(await all({ userId: 'a' }), ['paused', 'twin 2', 'twin 1', 'old'], 'those of a user');
    same(await all({ userId: 'a', status: 'paused' }), ['paused'], 'the paused ones of a user');
    same(await all({ userId: 'nobody' }), [], 'those of a user who has none');
    const everyones = ['old', 'middle', 'twin 1', 'twin 2', 'new'];
    same(await all({ status: 'in_progress', order: 'oldest' }), everyones, 'those in progress of everybody');
    same((await all({})).length, 6, 'the number of all tasks');
    await fails(store.tasks({ limit: 0 }), ['invalid'], 'a page of none');
    await fails(store.tasks({ limit: 1, after: 'somewhere' }), ['invalid'], 'a place that is none');
    await fails(store.tasks({ limit: 1, userId: 'a/b' }), ['invalid'], 'a user that is none');
    await fails(store.tasks({ limit: 1, signal: AbortSignal.abort() }), ['unavailable'], 'an aborted call');
  },

  async 'a document deleted is in no list'(store) {
    await store.commit([create(`${task}/inbox/a`, {}), create(`${task}/inbox/b`, {})]);
    await store.commit([{ op: 'delete', path: `${task}/inbox/a` }]);
    same(
      (await store.list(`${task}/inbox`, { limit: 9 })).map((d) => d.path),
      [`${task}/inbox/b`],
      'the list',
    );
  },

  async 'a call whose signal is aborted before writes nothing'(store) {
    const signal = AbortSignal.abort();
    await fails(store.commit([create(task, {})], { signal }), ['unavailable'], 'the commit');
    await fails(store.read([task], { signal }), ['unavailable'], 'the read');
    await fails(store.list('users/u/tasks', { limit: 1, signal }), ['unavailable'], 'the list');
    same(await store.read([task]), [null], 'the document');
  },

  async 'an age grows, and starts again with each write'(store) {
    await store.commit([create(task, { n: 0 })]);
    const first = (await readOne(store, task)).ageMs;
    if (first === undefined) {
      return;
    }
    claim(first >= 0 && first < 60_000, `a document just written is ${first} ms old`);
    await wait(40);
    const later = (await readOne(store, task)).ageMs ?? 0;
    claim(later >= first + 20, `after 40 ms it is ${later - first} ms older`);
    const began = Date.now();
    await store.commit([set(task, ['n'], 1)]);
    const again = (await readOne(store, task)).ageMs ?? 0;
    // a slow disk or network takes its time between the write and the look at it
    claim(again < Date.now() - began + later / 2, 'a write starts the age again');
  },

  async 'watchers hear of documents and collections, not of others, and never after the end'(store, another) {
    if (!store.watch) {
      return;
    }
    await store.commit([create(task, { n: 0 }), create('users/u/tasks/other', { n: 0 })]);
    await wait(20);
    let inCall = false;
    const heard = { document: 0, collection: 0, ended: 0, duringCommit: false };
    const ends = [
      store.watch([task], () => {
        heard.document += 1;
        heard.duringCommit ||= inCall;
      }),
      store.watch([`${task}/inbox`], () => {
        heard.collection += 1;
      }),
    ];
    store.watch([task], () => {
      heard.ended += 1;
    })();
    inCall = true;
    const committed = another.commit([set(task, ['n'], 1)]);
    inCall = false;
    await committed;
    await until(() => heard.document > 0, 'the watcher of the document');
    await another.commit([create(`${task}/inbox/1`, {})]);
    await until(() => heard.collection > 0, 'the watcher of the collection');
    same([heard.ended, heard.duringCommit], [0, false], 'calls after the end, calls during the commit');
    for (const end of ends) {
      end();
      end();
    }
    const { document } = heard;
    await another.commit([set(task, ['n'], 2)]);
    await wait(300);
    same(heard.document, document, 'calls after the end of the watch');
  },

  async 'a holder says that it is alive, and strangers need not be'(store, another) {
    if (!store.holder) {
      return;
    }
    claim(typeof store.holder.id === 'string' && store.holder.id !== '', 'a holder has an id');
    same(another.holder?.alive(store.holder.id), true, 'the holder of this very process');
    claim(typeof store.holder.alive('stranger') === 'boolean', 'a stranger gets an answer');
  },

  async 'handles on the same data have the same id'(store, another) {
    same(another.id, store.id, 'the id');
    claim(/^[a-z]+:./.test(store.id), `an id names its kind: ${store.id}`);
  },

  ...dataChecks,
};

/**
 * What every `TaskStore` has to hold, as cases for any test runner. `makeStore` gives an empty store for each case.
 *
 * @example
 * for (const { name, run } of storeConformance(() => ({ store: myStore() }))) {
 *   test(name, run);
 * }
 */
export function storeConformance(
  makeStore: () => StoreUnderTest | Promise<StoreUnderTest>,
): ConformanceCase[] {
  return Object.entries(checks).map(([name, check]) => ({
    name,
    async run() {
      const made = await makeStore();
      try {
        await check(made.store, made.another ?? made.store);
      } finally {
        await made.dispose?.();
      }
    },
  }));
}
