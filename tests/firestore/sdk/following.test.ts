import { expect, test, vi } from 'vitest';
import { createTaskEngine, type TaskEvent } from '../../../js/index.js';
import { firestoreStore } from '../../../js/stores/firestore/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { TaskStore } from '../../../js/types.js';
import { emptyProject } from '../project.js';
import { googleCloud } from './databases.js';

test('an idle follower costs one listener on the journal and one read, hears of news within a second, and listens to the text while there may be some', async () => {
  const project = emptyProject();
  const near = googleCloud(project);
  const far = googleCloud(project);
  const stop = new AbortController();
  try {
    const real = firestoreStore(far.db, { emulator: true });
    const cost = { reads: 0, listeners: [] as string[], calls: 0 };
    // A store of another id: runs of this process are none of its own.
    const store: TaskStore = {
      ...real,
      id: `${real.id} from elsewhere`,
      read: (...args) => {
        cost.reads += 1;
        return real.read(...args);
      },
      list: (...args) => {
        cost.reads += 1;
        return real.list(...args);
      },
      watch: (paths, onChange) => {
        if (paths[0]?.endsWith('/engine/live')) return real.watch?.(paths, onChange) as () => void;
        cost.listeners.push(...paths);
        return real.watch?.(paths, (newest) => {
          cost.calls += 1;
          onChange(newest);
        }) as () => void;
      },
    };
    const runner = firestoreStore(near.db, { emulator: true });
    const engine = createTaskEngine({ store: runner, model: scriptedModel(['One.', 'Two.']) });
    const { id } = await engine.createTask('u', { title: 'T' });
    const executor = engine.executor(id, 'u');
    await executor.start();
    const journal = `users/u/tasks/${id}/journal`;
    const idle = { reads: 1, listeners: [journal], calls: 1 };

    const seen: TaskEvent[] = [];
    const following = (async () => {
      const { signal } = stop;
      for await (const event of createTaskEngine({ store }).lifecycle(id, 'u').events({ signal })) {
        seen.push(event);
      }
    })();
    await vi.waitFor(() => expect(cost).toEqual(idle), 5_000);
    for (let beat = 0; beat < 3; beat += 1) {
      const head = near.db.doc(`users/u/tasks/${id}/engine/head`);
      await head.update({ write_id: `beat ${beat}` });
      await near.db.doc(`users/u/tasks/${id}`).update({ updated_at: new Date().toISOString() });
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(cost).toEqual(idle);

    await near.db.doc(`users/u/tasks/${id}`).update({ status: 'not_started' });
    await engine.executor(id, 'u').start();
    await vi.waitFor(() => expect(seen.at(-1)?.type).toBe('task:completed'), 1_000);
    expect(cost.listeners).toEqual([journal]);
    stop.abort();
    await following;
  } finally {
    stop.abort();
    await Promise.all([near.end(), far.end()]);
  }
});
