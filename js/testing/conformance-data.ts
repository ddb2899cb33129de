/** Cases of the conformance suite: what names and values a store keeps, and what it refuses. */
import { attempt, fails, same } from './claims.js';
import { type Check, create, readOne, set, task } from './conformance-check.js';

export const dataChecks: Record<string, Check> = {
  async 'a document of exactly the limit is stored, one far beyond is too_large, as is a commit'(store) {
    const { documentBytes, commitBytes } = store.limits;
    const json = 'é'.repeat(Math.floor(documentBytes / 2));
    await store.commit([create(`${task}/journal/00000001`, { seq: 1, json })]);
    same((await readOne(store, `${task}/journal/00000001`)).data.json === json, true, 'the text');
    await fails(
      store.commit([create(task, { json: 'x'.repeat(documentBytes * 2) })]),
      ['too_large'],
      'the document',
    );
    await fails(
      store.commit([set(`${task}/journal/00000001`, ['more'], 'x'.repeat(documentBytes))]),
      ['too_large'],
      'the grown document',
    );
    const count = Math.ceil((commitBytes * 1.2) / documentBytes);
    const text = 'x'.repeat(documentBytes);
    const writes = Array.from({ length: count }, (_, i) => create(`${task}/inbox/${i}`, { text }));
    await fails(store.commit(writes), ['too_large'], 'the commit');
    same(await store.list(`${task}/inbox`, { limit: 1 }), [], 'what is left of it');
  },

  async 'text is kept to the letter'(store) {
    const texts = [
      '',
      ' ',
      '\0',
      'a\nb\r\n',
      '\u2028',
      '"\\',
      "'; drop table documents; --",
      '😀',
      '{"a":1}',
    ];
    await store.commit([create(task, { texts })]);
    same((await readOne(store, task)).data, { texts }, 'the texts');
  },

  async 'numbers are kept as they are'(store) {
    const numbers = [
      0,
      1,
      -1,
      0.1,
      -2.5,
      1e21,
      2 ** 53 - 1,
      -(2 ** 53) + 1,
      2 ** 63,
      5e-324,
      1.7e308,
      1_764_403_200.125,
    ];
    await store.commit([create(task, { numbers, one: 1 })]);
    await store.commit([set(task, ['one'], 1.5)]);
    same((await readOne(store, task)).data, { numbers, one: 1.5 }, 'the numbers');
  },

  async 'fields of any name are updated and deleted by that name'(store) {
    const names = [
      'a.b',
      '0',
      '1st',
      'a-b',
      'a b',
      ' ',
      '``',
      'a`b`c',
      '\\',
      'a\\`b\\',
      '[0]',
      '*',
      '/',
      '~',
      'ünï😀',
      '"',
      '_',
      'null',
    ];
    const all = (value: unknown) => Object.fromEntries(names.map((name) => [name, value]));
    await store.commit([create(task, { ...all(1), in: all(1) })]);
    const fields = names.flatMap((name) => [
      { path: [name], value: 2 },
      { path: ['in', name], value: 2 },
    ]);
    await store.commit([{ op: 'update', path: task, fields }]);
    same((await readOne(store, task)).data, { ...all(2), in: all(2) }, 'the updated fields');
    const gone = names.map((name) => ({ path: ['in', name], delete: true as const }));
    await store.commit([{ op: 'update', path: task, fields: gone }]);
    same((await readOne(store, task)).data, { ...all(2), in: {} }, 'what is left');
  },

  async 'ids of any character name documents of their own, with collections below them'(store) {
    const ids = [
      'a+b',
      'a b',
      'a%20b',
      'a%2Fb',
      'a#b',
      'a?b',
      'a&b=c',
      'a:b',
      '(a)',
      "a'b",
      'a\\b',
      'a*',
      '~a',
      'ä',
      'a\u0308',
      '日本',
      '%',
    ];
    for (const [n, id] of ids.entries()) {
      await store.commit([
        create(`users/u/tasks/${id}`, { n }),
        create(`users/u/tasks/${id}/inbox/${id}`, { n }),
      ]);
    }
    for (const [n, id] of ids.entries()) {
      const path = `users/u/tasks/${id}`;
      const found = [await readOne(store, path), ...(await store.list(`${path}/inbox`, { limit: 9 }))];
      same(
        found.map((document) => [document.path, document.data]),
        [
          [path, { n }],
          [`${path}/inbox/${id}`, { n }],
        ],
        `what is stored under ${JSON.stringify(id)}`,
      );
      same(
        await store.list(`${path}/inbox`, { limit: 9, after: id }),
        [],
        `what is after ${JSON.stringify(id)}`,
      );
    }
    same((await store.list('users/u/tasks', { limit: 99 })).length, ids.length, 'the number of documents');
  },

  async 'values that no store can hold are refused as invalid'(store) {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const value of [undefined, Number.NaN, 1n, () => 1, Symbol('s'), new Map(), '\ud800', cycle]) {
      await fails(store.commit([create(task, { value })]), ['invalid'], `a value of type ${typeof value}`);
    }
    same(await store.read([task]), [null], 'the document');
  },

  async 'data that cannot even be read is refused as invalid'(store) {
    const { proxy, revoke } = Proxy.revocable<Record<string, unknown>>({}, {});
    revoke();
    await fails(store.commit([create(task, proxy)]), ['invalid'], 'a revoked proxy as the data');
    await fails(store.commit([create(task, { value: proxy })]), ['invalid'], 'a revoked proxy in the data');
    await store.commit([create(task, {})]);
    await fails(store.commit([set(task, ['value'], proxy)]), ['invalid'], 'a revoked proxy in an update');
    same((await readOne(store, task)).data, {}, 'the document');
  },

  async 'hostile names are kept or refused, and pollute nothing'(store) {
    const data = JSON.parse('{"__proto__":{"polluted":true},"constructor":"c","toString":"s"}') as object;
    const kept = await attempt(store.commit([create(task, data)]));
    if (kept) {
      const found = await readOne(store, task);
      same(Object.hasOwn(found.data, '__proto__'), true, 'the field that was stored');
    } else {
      await store.commit([create(task, { constructor: 'c', toString: 's' })]);
    }
    await attempt(store.commit([set(task, ['__proto__', 'polluted'], true)]));
    await attempt(store.commit([set(task, ['constructor', 'prototype', 'polluted'], true)]));
    same(({} as { polluted?: unknown }).polluted, undefined, 'every other object');
    same((await readOne(store, task)).data.toString, 's', 'a field with the name of a method');
  },

  async 'paths that name no document are refused as invalid'(store) {
    for (const path of [
      '',
      'users',
      'users/u/tasks',
      'users//tasks/t',
      'users/u/tasks/..',
      'users/u/tasks/__x__',
    ]) {
      await fails(store.commit([create(path, {})]), ['invalid'], `creating ${JSON.stringify(path)}`);
    }
    await fails(store.list(task, { limit: 1 }), ['invalid'], 'listing a document');
  },

  async 'ids with control characters or over 1,500 bytes are refused as invalid, and name nothing'(store) {
    const ids = [
      'a\0b',
      '\0',
      'a\nb',
      '\t',
      'a\u001b[2J',
      'a\u007f',
      'a\u0085b',
      'x'.repeat(1_501),
      'é'.repeat(751),
    ];
    for (const id of ids) {
      const shown = JSON.stringify(id.slice(0, 9));
      const path = `users/u/tasks/${id}`;
      await fails(store.commit([create(path, {})]), ['invalid'], `creating ${shown}`);
      await fails(store.commit([set(path, ['a'], 1)]), ['invalid'], `updating ${shown}`);
      await fails(store.commit([{ op: 'delete', path }]), ['invalid'], `deleting ${shown}`);
      await fails(store.read([path]), ['invalid'], `reading ${shown}`);
      await fails(store.commit([create(`users/${id}/tasks/t`, {})]), ['invalid'], `a user ${shown}`);
      await fails(store.list(`${path}/journal`, { limit: 1 }), ['invalid'], `listing below ${shown}`);
    }
    same(await store.list('users/u/tasks', { limit: 1 }), [], 'what is stored');
    const longest = `users/u/tasks/${'x'.repeat(1_500)}`;
    await store.commit([create(longest, { n: 1 })]);
    same((await readOne(store, longest)).data, { n: 1 }, 'a document with an id of 1,500 bytes');
  },
};
