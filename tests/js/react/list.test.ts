import { afterEach, describe, expect, it } from 'vitest';
import { taskClient } from '../../../js/client/index.js';
import { ListStore } from '../../../js/react/list-store.js';
import { taskWith } from '../api/fixtures.js';
import { serve, site } from '../server/site.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Tasks named by their number, the higher the newer. */
const numbered = (from: number, to: number, description = '') =>
  Array.from({ length: to - from + 1 }, (_, index) => {
    const n = from + index;
    const at = new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString();
    return taskWith(['Do it'], { id: `t${n}`, title: String(n), description, created_at: at });
  });

async function listOf(tasks: ReturnType<typeof numbered>) {
  const at = site({ tasks });
  const server = await serve(at.routes);
  closing.push(() => server.close());
  const client = taskClient({ url: server.url, headers: { authorization: 'Bearer u' } });
  const list = new ListStore(client, {}, undefined);
  await list.refresh();
  const add = async (more: ReturnType<typeof numbered>) => {
    for (const { id, ...data } of more) {
      await at.host.store.commit([{ op: 'create', path: `users/u/tasks/${id}`, data }]);
    }
  };
  return { list, client, add, shown: () => list.view().tasks.map(({ title }) => Number(title)) };
}

const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, index) => from - index);

describe('a list of which more is shown than one answer brings', () => {
  it('loses none when it is read again and newer ones have come', async () => {
    const { list, add, shown } = await listOf(numbered(1, 160));
    await list.view().loadMore();
    await list.view().loadMore();
    expect(shown()).toEqual(down(160, 11));
    await add(numbered(161, 162));
    await list.refresh();
    expect(shown()).toEqual(down(162, 11));
    await list.view().loadMore();
    expect([shown(), list.view().hasMore]).toEqual([down(162, 1), false]);
    await list.refresh();
    expect([shown(), list.view().hasMore]).toEqual([down(162, 1), false]);
  });

  it('keeps what an answer has no room for, which is full at 2 MB', async () => {
    const { list, add, shown } = await listOf(numbered(1, 40, 'x'.repeat(100_000)));
    while (list.view().hasMore) await list.view().loadMore();
    expect(shown()).toEqual(down(40, 1));
    await add(numbered(41, 41));
    await list.refresh();
    expect([shown(), list.view().hasMore]).toEqual([down(41, 1), false]);
  });

  it('shows no task any more that is gone, and leaves none out where all that one answer brings are new', async () => {
    const { list, client, add, shown } = await listOf(numbered(1, 120));
    while (list.view().hasMore) await list.view().loadMore();
    await add(numbered(121, 230));
    await list.refresh();
    expect(shown()).toEqual(down(230, 131));
    while (list.view().hasMore) await list.view().loadMore();
    expect(shown()).toEqual(down(230, 1));
    for (let n = 1; n <= 130; n += 1) await client.task(`t${n}`).delete();
    await list.refresh();
    expect([shown(), list.view().hasMore]).toEqual([down(230, 131), false]);
  });
});
