import { expect, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { createTestHost } from '../../../js/testing/index.js';
import type { Clock, TaskStore } from '../../../js/types.js';
import { failOnStrays } from './episode.js';

failOnStrays();

const methods = ['read', 'commit', 'list'] as const;

test.each(methods)('a %s() that a held-up process makes and gives up at once may reject', async (method) => {
  const { host, taskId, userId } = await createTestHost({ turns: ['Done.'] });
  let heldUp = 0;
  let rejected = 0;
  const failing = (signal: AbortSignal) => {
    const call = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        rejected++;
        reject(new Error('given up'));
      });
    });
    // The deadline has passed by the time that the next input, this one, is handled.
    heldUp += 60_000;
    executor.dispose();
    return call;
  };
  const store: TaskStore = {
    ...host.store,
    [method]: (...args: any[]) => failing(args.at(-1).signal),
  };
  const clock: Clock = {
    now: () => performance.now() + heldUp,
    after: (ms, fn) => {
      const timer = setTimeout(fn, ms);
      return () => clearTimeout(timer);
    },
  };
  // Of the time that the process was held up five seconds count.
  const defaults = { ...host.defaults, storeTimeoutMs: 1_000 };
  const executor = createTaskEngine({ ...host, store, clock, defaults }).executor(taskId, userId);
  const { status } = await executor.run().outcome;
  expect(['refused', 'interrupted', 'yielded']).toContain(status);
  expect(rejected).toBeGreaterThan(0);
});
