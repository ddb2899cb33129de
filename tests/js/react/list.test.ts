import { afterEach, describe, expect, it } from 'vitest';
import { taskClient } from '../../../js/client/index.js';
import { ListStore } from '../../../js/react/list-store.js';
import { type FakeTask, fakeTaskClient } from '../../../js/react/testing.js';
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

/** A server that answers when the test says so, with what it had when it was asked. */
function slow(tasks: FakeTask[]) {
  const client = fakeTaskClient({ tasks });
  const waiting: { method: string; answer: () => Promise<void> }[] = [];
  const held = <A extends unknown[], T>(method: string, ask: (...given: A) => Promise<T>) => {
    return (...given: A): Promise<T> => {
      const asked = ask(...given);
      asked.catch(() => {});
      return new Promise((resolve) => {
        const answer = async () => {
          resolve(asked);
          await new Promise((done) => setTimeout(done));
        };
        waiting.push({ method, answer });
      });
    };
  };
  const list = new ListStore(
    {
      list: held('list', (query) => client.list(query)),
      create: held('create', (task) => client.create(task)),
      state: (id) => client.state(id),
      // A command is done on the server when it is answered.
      task: (id) => ({
        ...client.task(id),
        delete: async () => {
          await held('delete', async () => {})();
          await client.task(id).delete();
        },
      }),
    },
    {},
    undefined,
  );
  /** Answers the first of these that waits. */
  const answer = async (method: string) => {
    const place = waiting.findIndex((each) => each.method === method);
    await waiting.splice(place, 1)[0]?.answer();
  };
  const read = async () => {
    void list.refresh();
    await answer('list');
  };
  const shown = () => [
    list
      .view()
      .tasks.map(({ id }) => id)
      .join(' '),
    list.view().total,
  ];
  return { client, list, answer, read, shown };
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

describe('a list in which the page removes and makes tasks while it is read', () => {
  it('shows a task no more once it is removed, whatever was read before the server knew', async () => {
    const { list, answer, read, shown } = slow([{ id: 'a' }, { id: 'b' }]);
    await read();
    expect(shown()).toEqual(['b a', 2]);
    void list.refresh();
    const removed = list.view().remove('a');
    expect(shown()).toEqual(['b', 1]);
    await answer('list');
    expect(shown()).toEqual(['b', 1]);
    await read();
    expect(shown()).toEqual(['b', 1]);
    void list.refresh();
    await answer('delete');
    await removed;
    await answer('list');
    expect(shown()).toEqual(['b', 1]);
    await read();
    expect(shown()).toEqual(['b', 1]);
  });

  it('shows it again where it could not be removed, or is made anew', async () => {
    const { client, list, answer, read, shown } = slow([{ id: 'a' }, { id: 'b' }]);
    await read();
    client.failNext('delete');
    const failed = list.view().remove('a');
    const told = expect(failed).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await answer('delete');
    await answer('list');
    await told;
    expect(shown()).toEqual(['b a', 2]);
    const removed = list.view().remove('a');
    await answer('delete');
    await removed;
    await client.create({ id: 'a', title: 'A' });
    await read();
    expect(shown()).toEqual(['a b', 2]);
  });

  it('asks the server anew where it could not be told whether the task was removed', async () => {
    const { client, list, answer, read, shown } = slow([{ id: 'a' }, { id: 'b' }]);
    await read();
    void list.refresh();
    const failed = list.view().remove('a');
    const told = expect(failed).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
    await client.task('a').delete();
    await answer('delete');
    await answer('list');
    await answer('list');
    await told;
    expect(shown()).toEqual(['b', 1]);
  });

  it('keeps a removed task out that is removed twice', async () => {
    const { list, answer, read, shown } = slow([{ id: 'a' }, { id: 'b' }]);
    await read();
    const removed = list.view().remove('a');
    const told = expect(list.view().remove('a')).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
    void list.refresh();
    await answer('delete');
    await removed;
    await answer('delete');
    await answer('list');
    await answer('list');
    await told;
    expect(shown()).toEqual(['b', 1]);
  });

  it('keeps a task that it has made, whatever was read before', async () => {
    const { list, answer, read, shown } = slow([{ id: 'a' }]);
    await read();
    void list.refresh();
    const made = ['b', 'c'].map((id) => list.view().create({ id, title: id }));
    await answer('create');
    await answer('create');
    await Promise.all(made);
    expect(shown()).toEqual(['c b a', 3]);
    await answer('list');
    expect(shown()).toEqual(['c b a', 3]);
    await read();
    expect(shown()).toEqual(['c b a', 3]);
  });

  it('counts a task once that a reading has brought before it was told to be made', async () => {
    const { list, answer, read, shown } = slow([{ id: 'a' }]);
    await read();
    const made = list.view().create({ id: 'b', title: 'B' });
    await read();
    expect(shown()).toEqual(['b a', 2]);
    void list.refresh();
    await answer('create');
    await made;
    expect(shown()).toEqual(['b a', 2]);
    await answer('list');
    expect(shown()).toEqual(['b a', 2]);
  });

  it('keeps the rest where the last of an answer is one that is removed, and its count when it shows more', async () => {
    const { list, client, shown } = await listOf(numbered(1, 160));
    await list.view().loadMore();
    await list.view().loadMore();
    expect([shown().length, list.view().total]).toEqual([150, 160]);
    let finish = () => {};
    const held = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const remove = client.task('t61').delete;
    const task = client.task;
    client.task = (id) => ({ ...task(id), delete: () => held.then(remove) });
    const removed = list.view().remove('t61');
    await list.refresh();
    const left = down(160, 11).filter((n) => n !== 61);
    expect([shown(), list.view().total]).toEqual([left, 159]);
    await list.view().loadMore();
    expect([shown(), list.view().total]).toEqual([down(160, 1).filter((n) => n !== 61), 159]);
    finish();
    await removed;
    await list.refresh();
    expect([shown(), list.view().total]).toEqual([down(160, 1).filter((n) => n !== 61), 159]);
  });
});
