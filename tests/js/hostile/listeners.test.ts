import { describe, expect, test, vi } from 'vitest';
import { TaskExecutor, tool } from '../../../js/index.js';
import type { TaskEvent } from '../../../js/types.js';
import { olderTask } from './documents.js';
import { type Episode, episode, failOnStrays, type Order } from './episode.js';
import { storeWith } from './store.js';

failOnStrays();

const names: TaskEvent['type'][] = [
  'task:started',
  'task:message',
  'task:message_saved',
  'task:reasoning',
  'task:tool_call',
  'task:tool_result',
  'task:usage',
  'task:progress_update',
  'task:completed',
  'task:run_ended',
];

const look = tool({ description: 'Looks.', inputSchema: { type: 'object' }, execute: () => 'seen' });
const turns = [{ reasoning: 'Hm.', text: 'Looking.', tools: [{ name: 'look', input: {} }] }, 'One.', 'Two.'];

async function listening(
  listen: (executor: TaskExecutor) => void,
  more: Partial<Order> = {},
): Promise<Episode & { told: unknown[][] }> {
  const onListenerError = vi.fn();
  const run = await episode({
    store: await storeWith({ '': olderTask() }),
    turns,
    host: { tools: { look }, onListenerError },
    prepare: listen,
    ...more,
  });
  return { ...run, told: onListenerError.mock.calls };
}

const thrown: [string, unknown][] = [
  ['an error', new Error('thrown')],
  ['undefined', undefined],
  ['a string', 'x'],
  ['a frozen object', Object.freeze({})],
  [
    'a proxy',
    new Proxy(
      {},
      {
        get() {
          throw new Error('trap');
        },
      },
    ),
  ],
];

describe.each(names)('a listener of %s', (name) => {
  test.each(thrown)('that throws %s breaks nothing, and onListenerError is told', async (_, value) => {
    const run = await listening((executor) => {
      executor.on(name, () => {
        throw value;
      });
    });
    expect(run.outcome?.status).toBe('completed');
    expect(run.of(name)).not.toEqual([]);
    expect(run.told.length).toBe(run.of(name).length);
    expect(run.told.every(([error, event]) => error === value && event === name)).toBe(true);
  });

  test('that rejects, or returns a thenable that does, breaks nothing', async () => {
    const run = await listening((executor) => {
      executor.on(name, () => Promise.reject(undefined));
      const then = (_: unknown, reject: (error: unknown) => void) => reject(new Error('x'));
      executor.on(name, () => ({ then }));
      executor.on(name, () => ({
        // biome-ignore lint/suspicious/noThenProperty: what is tested
        get then() {
          throw new Error('then');
        },
      }));
    });
    expect(run.outcome?.status).toBe('completed');
  });

  test('that removes all listeners is the last to hear, and the run goes on', async () => {
    let heard = 0;
    const run = await listening((executor) => {
      executor.once(name, () => {
        executor.removeAllListeners();
        executor.on('task:run_ended', () => {
          heard += 1;
        });
      });
    });
    expect(run.outcome?.status).toBe('completed');
    expect(heard).toBeLessThan(2);
  });

  test.each(['pause', 'stop', 'start', 'resume', 'dispose', 'state', 'run'] as const)(
    'that calls %s() leads to one settled run',
    async (command) => {
      const given: unknown[] = [];
      const run = await listening(
        (executor) => {
          executor.once(name, () => {
            const result: unknown = executor[command]();
            given.push(command === 'run' ? (result as { outcome: unknown }).outcome : result);
          });
        },
        { turns: () => 'Done.', afterwards: () => Promise.allSettled(given) },
      );
      const results = await Promise.allSettled(given);
      // start on what has completed meanwhile is refused.
      const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
      expect(reasons.filter((code) => code !== 'INVALID_TRANSITION')).toEqual([]);
      expect(['completed', 'paused', 'stopped', 'yielded']).toContain(run.outcome?.status);
      expect(run.of('task:run_ended').length).toBeLessThan(3);
    },
  );

  test('that changes its payload changes nobody else’s, and nothing that is stored', async () => {
    const other: unknown[] = [];
    const second = async (executor: TaskExecutor) => {
      for await (const event of executor.events({ after: '0' })) {
        other.push(event);
        if (event.type === 'task:run_ended') break;
      }
    };
    let following: Promise<void> | undefined;
    const run = await listening((executor) => {
      following = second(executor);
      executor.prependListener(name, (payload: object) => {
        for (const key of Object.keys(payload)) Reflect.set(payload, key, 'spoiled');
      });
    });
    await following;
    expect(run.executor.outcome?.status).toBe('completed');
    expect(JSON.stringify(other)).not.toContain('spoiled');
    expect(JSON.stringify([...run.after.values()])).not.toContain('spoiled');
  });
});

describe('an emit that is overridden', () => {
  class Own extends TaskExecutor {
    override emit(event: string | symbol): boolean {
      throw new Error(`emit of ${String(event)}`);
    }
  }

  test('to throw breaks nothing, and onListenerError is told', async () => {
    const onListenerError = vi.fn();
    const { store, host } = await own();
    const executor = new Own('t', 'u', { store, ...host, onListenerError });
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
    expect(onListenerError.mock.calls.map(([, event]) => event)).toContain('task:completed');
  });

  test('to give commands is heard', async () => {
    class Pausing extends TaskExecutor {
      given: Promise<void> | undefined;
      override emit(event: string | symbol, ...args: any[]): boolean {
        if (event === 'task:tool_call') this.given ??= this.pause();
        return super.emit(event, ...args);
      }
    }
    const { store, host } = await own();
    const executor = new Pausing('t', 'u', { store, ...host });
    await executor.start();
    await executor.given;
    expect(executor.outcome?.status).toBe('paused');
  });
});

async function own() {
  const { scriptedModel } = await import('../../../js/testing/scripted-model.js');
  return {
    store: await storeWith({ '': olderTask() }),
    host: { model: scriptedModel(turns), tools: { look } },
  };
}

describe('an onListenerError that throws', () => {
  test('surfaces as an uncaught exception of its own, and the run completes', async () => {
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      const run = await listening(
        (executor) => {
          executor.on('task:completed', () => {
            throw new Error('listener');
          });
        },
        {
          host: {
            tools: { look },
            onListenerError: () => {
              throw new Error('handler');
            },
          },
        },
      );
      expect(run.outcome?.status).toBe('completed');
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(uncaught).toEqual([expect.objectContaining({ message: 'handler' })]);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });
});
