import { expect, test, vi } from 'vitest';
import { createTaskEngine, memoryStore, type TaskEvent } from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { TaskStore } from '../../../js/types.js';
import { taskWith } from './fixtures.js';

const { timers } = vi.hoisted(() => ({ timers: new Set<{ ms: number; fn: () => void }>() }));
vi.mock('../../../js/clock.js', async (original) => ({
  ...(await original<object>()),
  idleTimer: (ms: number, fn: () => void) => {
    const timer = { ms, fn };
    timers.add(timer);
    return () => timers.delete(timer);
  },
}));

test('a follower whose watch goes deaf looks once a minute, and an idle one reads nothing else', async () => {
  const shared = memoryStore({ tasks: [taskWith(['One'])] });
  let reads = 0;
  const deaf: TaskStore = {
    ...shared,
    id: `${shared.id} from elsewhere`,
    read: (...args) => {
      reads += 1;
      return shared.read(...args);
    },
    watch: () => () => {},
  };
  const seen: TaskEvent[] = [];
  const stop = new AbortController();
  const following = (async () => {
    const { signal } = stop;
    for await (const event of createTaskEngine({ store: deaf }).lifecycle('t', 'u').events({ signal })) {
      seen.push(event);
    }
  })();
  await vi.waitFor(() => expect(timers.size).toBe(1));
  expect(reads).toBeLessThanOrEqual(2);
  await createTaskEngine({ store: shared, model: scriptedModel(['Done.']) })
    .executor('t', 'u')
    .start();
  expect(seen).toEqual([]);

  const [timer] = timers;
  expect(timer?.ms).toBe(60_000);
  timers.clear();
  timer?.fn();
  await vi.waitFor(() => expect(seen.at(-1)?.type).toBe('task:completed'));
  await vi.waitFor(() => expect(timers.size).toBe(1));
  stop.abort();
  await following;
  expect(timers.size).toBe(0);
});
