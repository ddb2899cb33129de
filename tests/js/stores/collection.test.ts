import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Collection } from '../../../js/stores/collection.js';
import { compareIds } from '../../../js/stores/documents.js';
import { memoryStore } from '../../../js/stores/memory.js';

const work = vi.hoisted(() => ({ compared: 0, decoded: 0 }));

vi.mock('../../../js/stores/documents.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../js/stores/documents.js')>();
  return {
    ...original,
    compareIds(a: string, b: string) {
      work.compared += 1;
      return original.compareIds(a, b);
    },
    decode(json: string) {
      work.decoded += 1;
      return original.decode(json);
    },
  };
});

beforeEach(() => Object.assign(work, { compared: 0, decoded: 0 }));

const id = (n: number) => String(n).padStart(8, '0');

describe('a page of the memory store', () => {
  it('costs the same whatever else is stored, and a search in its own collection', async () => {
    const store = memoryStore();
    const journal = 'users/u/tasks/t/journal';
    const write = (collection: string, n: number) =>
      store.commit([{ op: 'create', path: `${collection}/${id(n)}`, data: {} }]);
    for (let n = 0; n < 4_000; n += 1) await write(journal, n);
    const cost = async () => {
      Object.assign(work, { compared: 0, decoded: 0 });
      expect(await store.list(journal, { after: id(1_999), limit: 5 })).toMatchObject(
        [2_000, 2_001, 2_002, 2_003, 2_004].map((n) => ({ path: `${journal}/${id(n)}` })),
      );
      return { ...work };
    };
    const before = await cost();
    expect(before.decoded).toBe(5);
    expect(before.compared).toBeLessThan(20);
    for (let task = 0; task < 50; task += 1) {
      for (let n = 0; n < 50; n += 1) await write(`users/u/tasks/other-${task}/journal`, n);
    }
    expect(await cost()).toEqual(before);
  });
});

describe('a collection', () => {
  it('gives what a sorted list of its documents would, in whatever order they come and go', () => {
    const collection = new Collection<number>();
    const expected = new Map<string, number>();
    const ids = ['a', 'B', 'é', '\uFFFD', '😀', ...Array.from({ length: 20 }, (_, n) => String(n))];
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    for (let n = 0; n < 3_000; n += 1) {
      const one = ids[random(ids.length)] as string;
      if (random(3) === 0) {
        collection.delete(one);
        expected.delete(one);
      } else {
        collection.set(one, n);
        expected.set(one, n);
      }
      const after = random(2) === 0 ? undefined : (ids[random(ids.length)] as string);
      const limit = 1 + random(8);
      const page = [...expected]
        .filter(([other]) => after === undefined || compareIds(other, after) > 0)
        .sort(([x], [y]) => compareIds(x, y))
        .slice(0, limit);
      expect(collection.page(after, limit)).toEqual(page);
      expect(collection.size).toBe(expected.size);
    }
  });
});
