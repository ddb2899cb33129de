import { describe, expect, test } from 'vitest';
import { type Tool, type ToolContext, tool } from '../../../js/index.js';
import { olderTask } from './documents.js';
import { type Episode, episode, failOnStrays, type Order } from './episode.js';
import { storeWith } from './store.js';

failOnStrays();

/** A run in which the model calls one tool, twice, and then is done. */
async function calling(execute: Tool['execute'], more: Partial<Order> = {}): Promise<Episode> {
  const hostile = tool({
    description: 'Hostile.',
    inputSchema: { type: 'object' },
    execute: execute as never,
    maxResultBytes: Number.POSITIVE_INFINITY,
  });
  const call = (id: string) => ({ tools: [{ name: 'hostile', input: {}, id }] });
  return episode({
    store: await storeWith({ '': olderTask() }),
    turns: [call('c1'), call('c2'), 'Done.', 'Done too.'],
    host: { tools: { hostile } },
    ...more,
  });
}

/** What the model is told of the first call. */
function told({ of }: Episode): { status: string; text: string; unknown?: boolean } {
  const result = of('task:tool_result')[0] as { status: string; content: unknown; unknown?: boolean };
  return { ...result, text: JSON.stringify(result?.content) };
}

function nested(depth: number): unknown {
  let value: unknown = 'x';
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

function cyclic(): unknown {
  const value: Record<string, unknown> = { a: [] };
  (value.a as unknown[]).push(value);
  return value;
}

function trapping(trap: keyof ProxyHandler<object>): unknown {
  return new Proxy(
    {},
    {
      [trap]: () => {
        throw new Error(`the trap ${trap}`);
      },
    },
  );
}

const everyTrap: (keyof ProxyHandler<object>)[] = [
  'get',
  'has',
  'ownKeys',
  'getPrototypeOf',
  'getOwnPropertyDescriptor',
];

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const throwingGetter = Object.defineProperty({}, 'x', {
  enumerable: true,
  get() {
    throw new Error('getter');
  },
});

describe('a result that JSON cannot say is an error result that says why', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['a cycle', cyclic, /cannot be stored: a reference back to itself at a\[0\]/],
    ['a BigInt', () => 10n, /cannot be stored: .*BigInt/],
    ['a BigInt deep inside', () => ({ a: [{ b: 1n }] }), /BigInt.* at a\[0\]\.b/],
    ['NaN', () => ({ n: Number.NaN }), /NaN has no JSON form at n/],
    ['an infinity', () => [Number.NEGATIVE_INFINITY], /-Infinity has no JSON form at \[0\]/],
    ['a function', () => () => 1, /cannot be stored: a function/],
    ['a symbol', () => Symbol('s'), /cannot be stored: a symbol/],
    ['depth 10,000', () => nested(10_000), /cannot be stored: .*(deep|nest)/],
    ['bytes', () => new Uint8Array(3), /binary data/],
    ['an invalid date', () => new Date(Number.NaN), /invalid date/],
    ['a promise inside', () => ({ later: Promise.resolve(1) }), /promise that nobody awaited at later/],
    ['a getter that throws', () => throwingGetter, /reading it threw: getter at x/],
    ['a revoked proxy', revoked, /revoked/],
    [
      'toJSON that throws',
      () => ({
        toJSON() {
          throw new Error('toJSON');
        },
      }),
      /reading it threw: toJSON/,
    ],
    ['a text of 80 MB', () => 'x'.repeat(80_000_000), /longer than 64000000/],
    ['an array without end', () => ({ length: 1, a: Array(1e9) }), /longer than|cannot be stored/],
  ])(
    '%s',
    async (_, value, why) => {
      const run = await calling(value);
      expect(run.outcome?.status).toBe('completed');
      expect(told(run)).toMatchObject({ status: 'error', text: expect.stringMatching(why) });
      // Up to the bound it is walked, on slow machines too.
    },
    60_000,
  );

  test.each(everyTrap)('a proxy whose trap %s throws', async (trap) => {
    const run = await calling(() => trapping(trap));
    expect(run.outcome?.status).toBe('completed');
    expect(['success', 'error']).toContain(told(run).status);
  });
});

test.each<[string, () => unknown, RegExp]>([
  ['undefined', () => undefined, /^\[\{"text":"\(no output\)"\}\]$/],
  ['null', () => null, /^\[\{"text":"(null|\(no output\))"\}\]$/],
  ['blank text', () => ' \n ', /^\[\{"text":"\(no output\)"\}\]$/],
  ['a lone surrogate', () => 'a\ud800', /^\[\{"text":"a\uFFFD"\}\]$/],
  ['lone surrogates as keys', () => ({ '\ud800': 1, '\udc00': 2 }), /"json":\{"\uFFFD":[12]\}/],
  ['__proto__ as a key', () => JSON.parse('{"__proto__":{"x":1}}'), /"json":\{"__proto__":\{"x":1\}\}/],
  ['an object without a prototype', () => Object.create(null), /"json":\{\}/],
  ['what looks like a content block', () => ({ text: 'x' }), /"json":\{"text":"x"\}/],
  ['what looks like bytes', () => ({ $bytes: 'AAAA' }), /"json":\{"\$bytes":"AAAA"\}/],
  ['-0', () => -0, /^\[\{"text":"-?0"\}\]$/],
])('%s is a result', async (_, value, content) => {
  const run = await calling(value);
  expect(run.outcome?.status).toBe('completed');
  expect(told(run)).toMatchObject({ status: 'success', text: expect.stringMatching(content) });
});

test('a text of 5 MB is a result, stored in parts', async () => {
  let calls = 0;
  const run = await calling(() => (calls++ === 0 ? 'ä€\u{1f600}'.repeat(600_000) : 'short'));
  expect(run.outcome?.status).toBe('completed');
  expect(told(run).text.length).toBeGreaterThan(2_400_000);
  expect([...run.after.keys()].some((path) => path.endsWith('.0005'))).toBe(true);
});

describe('a tool that fails is an error result', () => {
  const frozen = Object.freeze(new Error('frozen'));
  const getters = Object.create(Error.prototype, {
    message: {
      get() {
        throw new Error('message');
      },
    },
    name: {
      get() {
        throw new Error('name');
      },
    },
    code: {
      get() {
        throw new Error('code');
      },
    },
  });
  const thrown: [string, unknown][] = [
    ['a string', 'a plain string'],
    ['an empty string', ''],
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['a BigInt', 7n],
    ['a symbol', Symbol('s')],
    ['a frozen error', frozen],
    ['an error with throwing getters', getters],
    ['an object that claims to be an error', { name: 7, message: {}, stack: null }],
    ['a function', () => {}],
    ['a cycle', cyclic()],
    ['a message of 5 MB', new Error('x'.repeat(5_000_000))],
    ['a message of lone surrogates', new Error('\ud800')],
    ['a blank message', new Error(' ')],
    ['a revoked proxy', revoked()],
    ['a throwing getter', throwingGetter],
    ...everyTrap.map((trap): [string, unknown] => [`a proxy whose trap ${trap} throws`, trapping(trap)]),
  ];

  test.each(thrown)('throwing %s', async (_, value) => {
    const run = await calling(() => {
      throw value;
    });
    expect(run.outcome?.status).toBe('completed');
    expect(told(run).status).toBe('error');
    expect(told(run).text.length).toBeGreaterThan('[{"text":""}]'.length);
    expect(told(run).text.length).toBeLessThan(20_000);
  });

  test.each(thrown)('rejecting with %s', async (_, value) => {
    const run = await calling(() => Promise.reject(value));
    expect(run.outcome?.status).toBe('completed');
    expect(told(run).status).toBe('error');
  });
});

describe('a tool that does not settle as promises do', () => {
  const thenable = (then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void) => {
    return () => ({ then });
  };

  test('never settling is aborted after its time, and its outcome is not known', async () => {
    let signal: AbortSignal | undefined;
    const run = await calling((_: unknown, context: ToolContext) => {
      signal = context.signal as AbortSignal;
      return new Promise(() => {});
    });
    expect(run.outcome?.status).toBe('completed');
    expect(signal?.aborted).toBe(true);
    expect(told(run)).toMatchObject({ status: 'error', unknown: true });
    expect(told(run).text).toMatch(/not known|unknown/);
  });

  test.each<[string, Tool['execute'], string]>([
    ['settling twice', thenable((resolve) => [resolve(1), resolve(2)]), 'success'],
    [
      'resolving, then rejecting',
      thenable((resolve, reject) => [resolve(1), reject(new Error('2'))]),
      'success',
    ],
    [
      'rejecting, then resolving',
      thenable((resolve, reject) => [reject(new Error('1')), resolve(2)]),
      'error',
    ],
    [
      'resolving, then throwing',
      thenable((resolve) => {
        resolve(1);
        throw new Error('after');
      }),
      'success',
    ],
    [
      'throwing out of then',
      thenable(() => {
        throw new Error('then');
      }),
      'error',
    ],
    ['resolving with a thenable that rejects', thenable((resolve) => resolve(Promise.reject(7))), 'error'],
  ])('%s is taken by its first word', async (_, execute, status) => {
    const run = await calling(execute);
    expect(run.outcome?.status).toBe('completed');
    expect(told(run).status).toBe(status);
  });

  test('settling after dispose changes nothing any more', async () => {
    const settle: ((value: unknown) => void)[] = [];
    const store = await storeWith({ '': olderTask() });
    const run = await calling(() => new Promise((resolve) => settle.push(resolve)), {
      store,
      prepare: (executor) => executor.on('task:tool_call', () => setTimeout(() => executor.dispose(), 5)),
      host: {
        tools: {
          hostile: tool({
            description: 'Hostile.',
            inputSchema: { type: 'object' },
            execute: () => new Promise((resolve) => settle.push(resolve)),
          }),
        },
        clock: undefined as never,
      },
    });
    expect(run.outcome).toMatchObject({ status: 'yielded', reason: 'dispose' });
    for (const late of settle) late('arrived late');
    await new Promise((resolve) => setTimeout(resolve, 5));
    const again = await calling(() => 'x', { store, turns: ['Done.', 'Done.'], command: 'run' });
    expect(again.outcome?.status).toBe('completed');
    expect(told(again)).toMatchObject({ unknown: true });
    expect(JSON.stringify([...again.after.values()])).not.toContain('arrived late');
  });
});

describe('a tool that meddles', () => {
  test('with its input and its context changes only its own', async () => {
    const run = await calling((input: Record<string, unknown>, context: ToolContext) => {
      input.injected = true;
      Object.assign(context, { toolCallId: 'other', idempotencyKey: '' });
      return 'x';
    });
    expect(run.outcome?.status).toBe('completed');
    expect(JSON.stringify(run.of('task:tool_call'))).not.toContain('injected');
    expect(JSON.stringify([...run.after.values()])).not.toContain('injected');
  });

  test('with its result after returning it changes nothing', async () => {
    const result = { value: 'before' };
    const run = await calling(() => {
      queueMicrotask(() => {
        result.value = 'after';
      });
      setTimeout(() => {
        result.value = 'later';
      }, 0);
      return result;
    });
    expect(told(run).text).toMatch(/before|after/);
    expect(JSON.stringify([...run.after.values()])).not.toContain('later');
  });

  test.each(['pause', 'stop', 'dispose', 'start', 'resume'] as const)(
    'with %s() of its own task',
    async (command) => {
      let given: unknown;
      const run = await calling(() => 'x', {
        prepare: (executor) => {
          executor.once('task:tool_call', () => {
            given = executor[command]();
          });
        },
      });
      await given;
      expect(['completed', 'paused', 'stopped', 'yielded']).toContain(run.outcome?.status);
    },
  );
});

describe('input that the model made up', () => {
  const inputs: [string, string][] = [
    ['no JSON', '{"a":'],
    ['an array', '[1]'],
    ['a string', '"x"'],
    ['depth 10,000', `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
    ['a number beyond', '{"a":1e400}'],
    ['__proto__', '{"__proto__":{"polluted":1}}'],
    ['a repeated key', '{"a":1,"a":2}'],
    ['an escaped lone surrogate', '{"a":"\\ud800"}'],
    ['1 MB', `{"a":"${'x'.repeat(1_000_000)}"}`],
  ];
  test.each(inputs)('%s is run or answered, and pollutes nothing', async (_, input) => {
    const turn = [
      { messageStart: { role: 'assistant' as const } },
      {
        contentBlockStart: { contentBlockIndex: 0, start: { toolUse: { toolUseId: 'c1', name: 'hostile' } } },
      },
      { contentBlockDelta: { contentBlockIndex: 0, delta: { toolUse: { input } } } },
      { contentBlockStop: { contentBlockIndex: 0 } },
      { messageStop: { stopReason: 'tool_use' as const } },
    ];
    const run = await calling(() => 'x', { turns: [turn as never, 'Done.', 'Done.'] });
    expect(run.outcome?.status).toBe('completed');
    expect(run.of('task:tool_result')).toHaveLength(1);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
