import { afterEach, describe, expect, test, vi } from 'vitest';
import { virtualClock } from '../../../js/clock.js';
import { configureTaskExecution, TaskExecutor, type TaskHost, tool } from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import { olderTask } from './documents.js';
import { type Episode, episode, expectUsable, failOnStrays } from './episode.js';
import { storeWith } from './store.js';

failOnStrays();

const fine = tool({ description: 'Fine.', inputSchema: { type: 'object' }, execute: () => 'fine' });
const boom = () => {
  throw new Error('boom');
};
const trapping = (trap: string) => new Proxy({}, { [trap]: boom });
/** Settled by `then`, as a promise is. */
const settledBy = (then: unknown) => Object.fromEntries([['then', then]]);
const throwingGetter = Object.defineProperty({}, 'fine', { enumerable: true, get: boom });

/** A run with this host in which the model calls a tool once. */
async function hosted(host: Record<string, unknown>, options = {}): Promise<Episode> {
  return episode({
    store: await storeWith({ '': olderTask() }),
    turns: [{ tools: [{ name: 'fine', input: {}, id: 'c1' }] }, 'Done.', 'Done too.', 'Done at last.'],
    host: { tools: { fine }, ...host } as Partial<TaskHost>,
    options,
  });
}

describe('a host that can never work is refused before anything happens, and the field is named', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['a model that is none', { model: 1 }, /host's model must be an object with stream\(\)/],
    ['a model without stream', { model: {} }, /host's model must be an object with stream\(\)/],
    ['a model that cannot be read', { model: trapping('get') }, /host's cannot be read|cannot be read: boom/],
    ['tools that are none', { tools: 'fine' }, /host's tools must be an object/],
    ['a prompt that is none', { prompt: 'Do it.' }, /host's prompt must be a function/],
    ['an approval that is none', { approval: true }, /host's approval must be a function/],
    ['randomness that is none', { random: 0.5 }, /host's random must be a function/],
    ['an onListenerError that is none', { onListenerError: 1 }, /host's onListenerError must be a function/],
    ['a clock that is none', { clock: 1 }, /host's clock must be an object with now\(\), after\(\)/],
    ['a clock without timers', { clock: { now: () => 0 } }, /host's clock must be an object with after\(\)/],
    ['a logger that is none', { logger: 1 }, /host's logger must be an object with debug\(\)/],
    ['a logger with less', { logger: { debug() {}, info() {} } }, /with warn\(\), error\(\)/],
    ['defaults that are none', { defaults: 1 }, /host's defaults must be an object/],
    [
      'defaults that cannot be read',
      { defaults: trapping('ownKeys') },
      /host's defaults cannot be read: boom/,
    ],
  ])('%s', async (_, host, message) => {
    const { error, outcome, before, after } = await hosted(host);
    expect(outcome).toBeUndefined();
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) });
    expect(after).toEqual(before);
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['a number', 1],
    ['an object without a store', {}],
    ['a store that is none', { store: {} }],
    ['a store with limits that are none', { store: { id: 'x', limits: null, read: boom } }],
  ])('configured as %s', (_, host) => {
    let thrown: unknown;
    try {
      configureTaskExecution(host as TaskHost);
    } catch (error) {
      thrown = error;
    }
    expect(expectUsable(thrown).code).toBe('NOT_CONFIGURED');
  });
});

describe('what tools() gives is checked before the run begins', () => {
  test.each<[string, unknown, RegExp]>([
    ['null-like is no tools', undefined, /^$/],
    ['a number', 1, /tools by name/],
    ['a string', 'fine', /tools by name/],
    ['an array', [fine], /tools by name/],
    ['a Map', new Map([['fine', fine]]), /tools by name/],
    ['a function', () => fine, /tools by name/],
    ['a tool that is null', { fine: null }, /'fine': is not an object/],
    ['a tool without a description', { fine: { ...fine, description: 1 } }, /'fine': needs a description/],
    ['a name that models refuse', { 'bad name': fine }, /'bad name': models take only/],
    ['an execute that is none', { fine: { ...fine, execute: 1 } }, /'fine': execute must be a function/],
    ['a schema that is none', { fine: { ...fine, inputSchema: 1 } }, /'fine': its inputSchema/],
    ['a timeout before now', { fine: { ...fine, timeoutMs: -1 } }, /'fine': timeoutMs/],
    ['a timeout that is no number', { fine: { ...fine, timeoutMs: Number.NaN } }, /'fine': timeoutMs/],
    ['an unknown policy', { fine: { ...fine, onUnknownOutcome: 'guess' } }, /'fine': onUnknownOutcome/],
    ['a getter that throws', throwingGetter, /boom/],
    ['a proxy whose keys cannot be had', trapping('ownKeys'), /boom/],
  ])('%s', async (_, given, message) => {
    const { error, outcome, before, after } = await hosted({ tools: () => given });
    if (given === undefined) {
      expect(outcome?.status).toBe('completed');
      return;
    }
    expect(error).toMatchObject({ code: 'HOST_CALLBACK', message: expect.stringMatching(message) });
    expect(error?.message).toContain('tools');
    expect(after).toEqual(before);
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      'it throws undefined',
      () => {
        throw undefined;
      },
      /tools failed: undefined was thrown/,
    ],
    ['it rejects with null', () => Promise.reject(null), /tools failed: null was thrown/],
    ['what it returns throws when it is awaited', () => settledBy(boom), /tools failed: boom/],
    ['it never settles', () => new Promise(() => {}), /tools did not return within callbackTimeoutMs/],
  ])('where %s the run is refused', async (_, tools, message) => {
    const { error } = await hosted({ tools });
    expect(error).toMatchObject({ code: 'HOST_CALLBACK', message: expect.stringMatching(message) });
  });

  test('a promise that settles twice counts once', async () => {
    const twice = settledBy((settle: (tools: unknown) => void) => {
      settle({ fine });
      settle(1);
      boom();
    });
    expect((await hosted({ tools: () => twice })).outcome?.status).toBe('completed');
  });
});

describe('a prompt that gives no text fails the run, which can be resumed', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['undefined', () => undefined, /prompt must return a string/],
    ['null', () => null, /prompt must return a string/],
    ['a number', () => 1, /prompt must return a string/],
    ['a String object', () => new String('x'), /prompt must return a string/],
    ['a symbol', () => Symbol('s'), /prompt must return a string/],
    ['nothing to read', () => ' ', /returned no text/],
    [
      'an exception of undefined',
      () => {
        throw undefined;
      },
      /undefined was thrown/,
    ],
  ])('%s', async (_, prompt, message) => {
    const { outcome, error } = await hosted({ prompt });
    expect(outcome?.status).toBe('failed');
    expect(error).toMatchObject({ code: 'HOST_CALLBACK', message: expect.stringMatching(message) });
    expect(error?.message).toMatch(/resume\(\)/);
  });

  test('a lone surrogate in it is replaced, and three megabytes of it are sent', async () => {
    expect((await hosted({ prompt: () => 'a\ud800b' })).outcome?.status).toBe('completed');
    expect((await hosted({ prompt: () => 'x'.repeat(3_000_000) })).outcome?.status).toBe('completed');
  });
});

describe('an approval that is neither yes nor no lets nothing run', () => {
  const junk = [undefined, null, 0, 1, '', 'no', {}, [], Symbol('s')];
  const callbacks: [string, (answer: unknown) => Record<string, unknown>][] = [
    ['approval', (answer) => ({ approval: () => answer })],
    ["needsApproval of 'fine'", (answer) => ({ tools: { fine: { ...fine, needsApproval: () => answer } } })],
  ];
  test.each(callbacks.flatMap(([name, host]) => junk.map((answer) => ({ name, host, answer }))))(
    '$name gives $answer',
    async ({ name, host, answer }) => {
      const { outcome, error, of } = await hosted(host(answer));
      expect(outcome?.status).toBe('failed');
      expect(error?.code).toBe('HOST_CALLBACK');
      expect(error?.message).toContain(`${name} must return true or false`);
      expect(of('task:tool_result')).toEqual([]);
    },
  );

  test.each(callbacks)('a promise of no is a no: %s', async (_, host) => {
    expect((await hosted(host(Promise.resolve(false)))).outcome?.status).toBe('completed');
  });
});

describe('randomness', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 1, 2, undefined, {}])(
    'of %s is refused with what it must be',
    async (value) => {
      const { error } = await hosted({ random: () => value });
      expect(error?.code).toBe('HOST_CALLBACK');
      expect(error?.message).toContain('from 0 to below 1');
    },
  );

  test('that throws is refused with what it threw', async () => {
    const { error } = await hosted({ random: boom });
    expect(error).toMatchObject({ code: 'HOST_CALLBACK', message: "The host's random() failed: boom." });
  });
});

describe('a clock that is wrong delays nobody', () => {
  const now = () => Date.now();
  const clocks: Record<string, () => TaskHost['clock']> = {
    'now() is NaN': () => ({ ...virtualClock(), now: () => Number.NaN }),
    'now() is an infinity': () => ({ ...virtualClock(), now: () => Number.NEGATIVE_INFINITY }),
    'now() is later than any date': () => ({ ...virtualClock(), now: () => 1e300 }),
    'now() is a text': () => ({ ...virtualClock(), now: () => 'noon' as never }),
    'now() throws': () => ({ ...virtualClock(), now: boom }),
    'it runs backwards': () => {
      const clock = virtualClock();
      let time = 1e12;
      return { ...clock, now: () => (time -= 1000), after: (ms, fn) => clock.after(ms, fn) };
    },
    'it jumps by years': () => {
      const clock = virtualClock();
      let reads = 0;
      return { ...clock, now: () => 1e12 + (reads++ % 2) * 1e11, after: (ms, fn) => clock.after(ms, fn) };
    },
    'after() throws': () => ({ now, after: boom }),
    'after() returns nothing to cancel with': () => ({
      now,
      after: ((ms: number, fn: () => void) => void setTimeout(fn, ms)) as never,
    }),
    'its timers fire twice': () => ({
      now,
      after(ms, fn) {
        const timers = [setTimeout(fn, ms), setTimeout(fn, ms + 1)];
        return () => timers.forEach((timer) => void clearTimeout(timer));
      },
    }),
    'its timers fire at once': () => ({
      now,
      after(_, fn) {
        queueMicrotask(fn);
        return () => {};
      },
    }),
    'its cancels throw': () => ({
      now,
      after: (ms, fn) => {
        setTimeout(fn, ms);
        return boom;
      },
    }),
  };
  test.each(Object.entries(clocks))('%s', async (_, clock) => {
    const { outcome, error } = await hosted({ clock: clock() });
    if (outcome?.status === 'completed') return;
    // a year that passes between two reads is one without an answer
    expect(['HOST_CALLBACK', 'STORE_UNAVAILABLE', 'MODEL_TIMEOUT', undefined]).toContain(error?.code);
  });
});

test.each<[string, TaskHost['logger']]>([
  ['throws', { debug: boom, info: boom, warn: boom, error: boom }],
  [
    'rejects',
    {
      debug: async () => boom(),
      info: async () => boom(),
      warn: async () => boom(),
      error: async () => boom(),
    },
  ],
])('a logger that %s harms nobody', async (_, logger) => {
  const { outcome } = await hosted({ logger, clock: { ...virtualClock(), now: boom } });
  expect(outcome?.status).toBe('completed');
});

describe('run options that cannot be used are refused by name', () => {
  test.each<[object, string]>([
    [{ maxDurationMs: -1 }, 'maxDurationMs'],
    [{ whileWaiting: 'x' }, 'whileWaiting'],
    [{ waitForLeaseMs: 'x' }, 'waitForLeaseMs'],
    [{ leaseTtlMs: Number.NaN }, 'leaseTtlMs'],
    [{ graceMs: '1' }, 'graceMs'],
    [{ storeTimeoutMs: null }, 'storeTimeoutMs'],
    [{ callbackTimeoutMs: -1 }, 'callbackTimeoutMs'],
    [{ idleTimeoutMs: 'long' }, 'idleTimeoutMs'],
    [{ idleTimeoutMs: { first: -1 } }, 'idleTimeoutMs.first'],
    [{ idleTimeoutMs: { between: {} } }, 'idleTimeoutMs.between'],
    [{ completion: 1 }, 'completion'],
    [{ retry: 1 }, 'retry'],
    [{ retry: { baseMs: 'x' } }, 'retry.baseMs'],
    [{ limits: { iterations: -1 } }, 'limits.iterations'],
  ])('%o', async (options, name) => {
    for (const given of [await hosted({}, options), await hosted({ defaults: options })]) {
      expect(given.error).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(name) });
      expect(given.after).toEqual(given.before);
    }
  });
});

describe('a resolver that fails', () => {
  afterEach(() => {
    delete (globalThis as Record<symbol, unknown>)[Symbol.for('task-execution-engine/configuration/1')];
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      'throws undefined',
      () => {
        throw undefined;
      },
      /resolver .* failed: undefined was thrown/,
    ],
    ['rejects', async () => boom(), /resolver .* failed: boom/],
    ['returns nothing', () => undefined, /No store is configured/],
    ['returns a number', () => 1, /No store is configured/],
    [
      'returns a prompt that is none',
      async () => ({ store: await storeWith({}), prompt: 1 }),
      /host's prompt/,
    ],
    ['returns what throws when it is awaited', () => settledBy(boom), /resolver .* failed: boom/],
  ])('%s: every command says so', async (_, resolver, message) => {
    configureTaskExecution(resolver as never);
    const executor = new TaskExecutor('t', 'u', { model: scriptedModel([]) });
    for (const command of [() => executor.start(), () => executor.pause(), () => executor.state()]) {
      const error = expectUsable(
        await command().then(
          () => undefined,
          (thrown: unknown) => thrown,
        ),
      );
      expect(error.message).toMatch(message);
    }
  });

  const commandsOf = (options: object, defaults = {}): [string, () => Promise<unknown>][] => {
    const executor = new TaskExecutor('t', 'u', { defaults, ...options });
    return [
      ['start', () => executor.start()],
      ['pause', () => executor.pause()],
      ['approve', () => executor.approve('c1')],
      ['state', () => executor.state()],
      ['events', () => executor.events()[Symbol.asyncIterator]().next()],
    ];
  };
  test.each(commandsOf({ callbackTimeoutMs: 20 }, { callbackTimeoutMs: 3_000 }))(
    'never settles: %s says so after the callbackTimeoutMs of the constructor',
    async (_, command) => {
      configureTaskExecution(() => new Promise(() => {}));
      await expect(command()).rejects.toMatchObject({
        code: 'HOST_CALLBACK',
        message: expect.stringContaining('did not settle within 20 ms'),
      });
    },
  );

  test('never settles: run() says so after the callbackTimeoutMs that it is given, else the host has', async () => {
    configureTaskExecution(() => new Promise(() => {}));
    const outcomeOf = (options: object, run = {}) => new TaskExecutor('t', 'u', options).run(run).outcome;
    const defaults = { callbackTimeoutMs: 30 };
    await expect(outcomeOf({ callbackTimeoutMs: 3_000 }, { callbackTimeoutMs: 20 })).resolves.toMatchObject({
      status: 'refused',
      error: { code: 'HOST_CALLBACK', message: expect.stringContaining('within 20 ms') },
    });
    await expect(outcomeOf({ defaults })).resolves.toMatchObject({
      error: { message: expect.stringContaining('within 30 ms') },
    });
  });

  test('is not asked where a callbackTimeoutMs is no time', async () => {
    const resolver = vi.fn(() => new Promise<TaskHost>(() => {}));
    configureTaskExecution(resolver);
    for (const callbackTimeoutMs of [-1, Number.NaN, '20']) {
      const executor = new TaskExecutor('t', 'u', { callbackTimeoutMs } as object);
      await expect(executor.pause()).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('callbackTimeoutMs'),
      });
    }
    expect(resolver).not.toHaveBeenCalled();
  });
});
