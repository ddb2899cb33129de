import { describe, expect, test, vi } from 'vitest';
import { createTaskEngine, type RunOptions, type TaskEvent, type Tool } from '../../../js/index.js';
import {
  fromStreamChatResponse,
  type StreamChatResponse,
  type StreamChatResponseOptions,
} from '../../../js/models/bedrock/index.js';
import { createTestHost } from '../../../js/testing/index.js';
import { junk, throwable } from '../hostile/values.js';

type Ask = StreamChatResponse<string>;
interface Asked {
  client: string;
  messages: any[];
  tools: any[];
  options: { maxTokens: number; temperature: number; systemPrompt: string };
}

const look: Tool = {
  description: 'Looks.',
  inputSchema: { type: 'object', properties: { at: { type: 'string' } } },
  execute: ({ at }: any) => `seen ${at}`,
};

/** Runs a task whose model is such a function, and keeps what it was asked and what was emitted. */
async function run(
  asks: Ask[],
  more: {
    tools?: Record<string, Tool>;
    defaults?: RunOptions;
    task?: object;
  } & StreamChatResponseOptions = {},
) {
  const { tools = { look }, defaults, task = {}, ...options } = more;
  const asked: Asked[] = [];
  const ask: Ask = (client, messages, tools, options, onChunk, onToolCall) => {
    asked.push({ client, messages: structuredClone(messages), tools, options });
    const next = asks[Math.min(asked.length, asks.length) - 1] as Ask;
    return next(client, messages, tools, options, onChunk, onToolCall);
  };
  const t = createTestHost({ turns: [], tools, task, defaults });
  const model = fromStreamChatResponse(ask, () => 'the client', options);
  const engine = createTaskEngine({ ...t.host, model });
  const executor = engine.executor(t.taskId, t.userId);
  const events: TaskEvent[] = [];
  const deltas: string[] = [];
  executor.on('task:message', ({ content }) => deltas.push(content));
  const running = executor.run();
  for await (const event of running) events.push(event);
  const outcome = await running.outcome;
  return { asked, deltas, outcome, of: (type: string) => events.filter((e) => e.type === type) as any[] };
}

const named = (name: string) => Object.assign(new Error('no'), { name });

const says =
  (text: string): Ask =>
  () =>
    text;

describe('fromStreamChatResponse', () => {
  test('runs a task as the old class did: text by onChunk, calls by onToolCall, nothing returned', async () => {
    const { asked, deltas, outcome, of } = await run(
      [
        async (_client, _messages, _tools, _options, onChunk, onToolCall) => {
          onChunk('Let me ');
          onChunk('look.');
          expect(await onToolCall({ id: 'call-1', name: 'look', input: { at: 'the moon' } })).toBe(undefined);
        },
        async (_client, _messages, _tools, _options, onChunk) => onChunk('It is round.'),
      ],
      { task: { config: { system_prompt: 'Be brief.' } } },
    );
    expect(outcome).toMatchObject({ status: 'completed', text: 'It is round.' });
    expect(outcome.usage).toMatchObject({ inputTokens: 0, unreported: 2 });
    expect(deltas).toEqual(['Let me ', 'look.', 'It is round.']);
    expect(of('task:tool_result')).toMatchObject([{ toolCallId: 'call-1', status: 'success' }]);
    expect(asked[0]).toMatchObject({
      client: 'the client',
      messages: [{ role: 'user', content: [{ text: expect.any(String) }] }],
      tools: [{ toolSpec: { name: 'look', description: 'Looks.' } }],
      options: { maxTokens: 4096, temperature: 0.7, systemPrompt: 'Be brief.' },
    });
    expect(asked[1]?.messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: [
          { text: 'Let me look.' },
          { toolUse: { toolUseId: 'call-1', name: 'look', input: { at: 'the moon' } } },
        ],
      },
      {
        role: 'user',
        content: [
          { toolResult: { toolUseId: 'call-1', status: 'success', content: [{ text: 'seen the moon' }] } },
        ],
      },
    ]);
  });

  test('converts messages and tools for a function that speaks with Anthropic', async () => {
    const { asked, outcome } = await run(
      [
        () => ({
          content: [
            { type: 'thinking', thinking: 'Hm.', signature: 'signed' },
            { type: 'redacted_thinking', data: 'AAEC' },
            { type: 'text', text: 'Looking.' },
            { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'x' } },
          ],
          stop_reason: 'tool_use',
          usage: { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 3 },
        }),
        says('Done.'),
      ],
      {
        format: 'anthropic',
        inferenceConfig: { maxTokens: 99 },
        tools: { look: { ...look, execute: () => ({ seen: 'x' }) } },
      },
    );
    expect(outcome.status).toBe('completed');
    expect(outcome.usage).toEqual({
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 18,
      cacheReadInputTokens: 3,
      cacheWriteInputTokens: 0,
      unreported: 1,
    });
    expect(asked[0]).toMatchObject({
      messages: [{ role: 'user', content: [{ type: 'text' }] }],
      tools: [{ name: 'look', description: 'Looks.', input_schema: { type: 'object' } }],
      options: { maxTokens: 99, temperature: 0.7, systemPrompt: '' },
    });
    expect(asked[1]?.messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 'signed' },
          { type: 'redacted_thinking', data: 'AAEC' },
          { type: 'text', text: 'Looking.' },
          { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'x' } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: '{"seen":"x"}' }] },
        ],
      },
    ]);
  });

  test.each<[string, unknown, string]>([
    ['a text', 'Done.', 'Done.'],
    ['{ text }', { text: 'Done.' }, 'Done.'],
    ['{ content } with a text', { content: 'Done.' }, 'Done.'],
    ["{ content } with Bedrock's blocks", { content: [{ text: 'Do' }, { text: 'ne.' }] }, 'Done.'],
    ["{ content } with Anthropic's blocks", { content: [{ type: 'text', text: 'Done.' }] }, 'Done.'],
    ['a promise', Promise.resolve({ text: 'Done.', toolCalls: [], usage: null }), 'Done.'],
  ])('takes %s as its result', async (_, result, text) => {
    const { outcome, deltas } = await run([() => result]);
    expect(outcome).toMatchObject({ status: 'completed', text });
    expect(deltas).toEqual([text]);
  });

  test('streams what the result has more than the chunks, and else believes the chunks', async () => {
    const more = await run([(_c, _m, _t, _o, onChunk) => [onChunk({ text: 'Do' }), 'Done.'][1]]);
    expect(more.deltas).toEqual(['Do', 'ne.']);
    const other = await run([
      (_c, _m, _t, _o, onChunk) => [onChunk({ delta: { text: 'Done.' } }), ' Done'][1],
    ]);
    expect(other.outcome.text).toBe('Done.');
  });

  test('objects without text among the chunks are passed over', async () => {
    const { outcome } = await run([
      (_c, _m, _t, _o, onChunk) => {
        for (const chunk of [undefined, null, { type: 'ping' }, { contentBlockStop: {} }]) onChunk(chunk);
        onChunk({ contentBlockDelta: { delta: { text: 'Done.' } } });
      },
    ]);
    expect(outcome.text).toBe('Done.');
  });

  test.each<[string, object]>([
    ['with its id', { id: 'a', name: 'look', input: { at: 'x' } }],
    ['without an id', { name: 'look', input: { at: 'x' } }],
    ['as Bedrock writes it', { toolUse: { toolUseId: 'a', name: 'look', input: { at: 'x' } } }],
    ['with its input as text', { id: 'a', name: 'look', arguments: '{"at":"x"}' }],
  ])('a call that is told and returned %s runs once', async (_, call) => {
    const { of, outcome } = await run([
      (_c, _m, _t, _o, _onChunk, onToolCall) => {
        onToolCall(call);
        return { text: 'Looking.', toolCalls: [call], stopReason: 'tool_use' };
      },
      says('Done.'),
    ]);
    expect(outcome.status).toBe('completed');
    expect(of('task:tool_result')).toMatchObject([{ status: 'success', content: [{ text: 'seen x' }] }]);
  });

  test('stop reasons count: a refusal pauses the run, and a cut text goes on', async () => {
    const refused = await run([() => ({ content: 'I will not.', stop_reason: 'refusal' })]);
    expect(refused.outcome).toMatchObject({ status: 'paused', reason: expect.stringContaining('filter') });
    const cut = await run([() => ({ text: 'One', stopReason: 'max_tokens' }), says('two.')]);
    expect(cut.outcome.status).toBe('completed');
    expect(cut.asked).toHaveLength(2);
  });

  test('input that is no JSON is answered to the model and not executed', async () => {
    const { of, outcome } = await run([
      () => ({ toolCalls: [{ id: 'a', name: 'look', input: '{"at":' }] }),
      says('Done.'),
    ]);
    expect(outcome.status).toBe('completed');
    expect(of('task:tool_result')).toMatchObject([{ status: 'error' }]);
  });

  test('a turn without anything is tried again', async () => {
    const { outcome, of } = await run([() => undefined, says('Done.')]);
    expect(outcome).toMatchObject({ status: 'completed', text: 'Done.' });
    expect(of('task:retry')).toHaveLength(1);
  });

  const own =
    (thrown: unknown): Ask =>
    () => {
      throw thrown;
    };
  test.each<[string, unknown]>([
    ['a TypeError', new TypeError("Cannot read properties of undefined (reading 'nope')")],
    ['a ReferenceError', new ReferenceError('foo is not defined')],
    ['a variable of the environment that is not set', new Error('AWS_REGION is not set')],
    ['another that is missing', new Error('Missing required environment variable BEDROCK_MODEL')],
  ])('a fault of the program is told at once: %s', async (_, thrown) => {
    for (const ask of [own(thrown), () => Promise.reject(thrown)]) {
      const { outcome, asked } = await run([ask, says('Done.')]);
      expect(asked).toHaveLength(1);
      expect((outcome as any).error).toMatchObject({
        code: 'HOST_CALLBACK',
        message: expect.stringContaining((thrown as Error).message),
        cause: expect.objectContaining({ cause: thrown }),
      });
    }
  });

  test.each<[string, unknown]>([
    [
      'a lost connection that fetch tells of',
      new TypeError('fetch failed', { cause: new Error('ECONNRESET') }),
    ],
    ['a connection that was terminated', new TypeError('terminated')],
    ['a code of the system', Object.assign(new TypeError('write'), { code: 'EPIPE' })],
    ['a status', Object.assign(new TypeError('no'), { status: 503 })],
    ['an error in plain words', new Error('overloaded, MAX_LOAD reached')],
  ])('what happened elsewhere is tried again: %s', async (_, thrown) => {
    const { outcome, asked } = await run([own(thrown), says('Done.')]);
    expect(outcome).toMatchObject({ status: 'completed' });
    expect(asked).toHaveLength(2);
  });

  test('a TypeError after the model has said something may be the stream and is tried again', async () => {
    const breaks: Ask = (_c, _m, _t, _o, onChunk) => {
      onChunk('Half');
      throw new TypeError('x is undefined');
    };
    const { outcome } = await run([breaks, says('Done.')]);
    expect(outcome).toMatchObject({ status: 'completed', text: 'Done.' });
  });

  test.each<[string, unknown, string]>([
    ['a plain error', new Error('no region'), 'HOST_CALLBACK'],
    ['nothing', undefined, 'HOST_CALLBACK'],
    ['credentials that are missing', named('CredentialsProviderError'), 'MODEL_DENIED'],
  ])('what createBedrockClient throws ends the run at once: %s', async (_, thrown, code) => {
    const t = createTestHost({ turns: [] });
    const create = vi.fn(() => {
      throw thrown;
    });
    const model = fromStreamChatResponse(() => 'Done.', create);
    const engine = createTaskEngine({ ...t.host, model });
    const outcome = await engine.executor(t.taskId, t.userId).run().outcome;
    expect((outcome as any).error).toMatchObject({ code });
    expect(create).toHaveBeenCalledOnce();
  });

  test.each<[string, unknown[], unknown[]]>([
    ['told at its start and when it is whole', [{}, { at: 'x' }], []],
    ['told in pieces', ['{"at"', { at: 'x' }], []],
    ['told early, and whole in the result', [{}], [{ at: 'x' }]],
    ['told whole, and without its input in the result', [{ at: 'x' }], [{}]],
  ])('of two calls with one id the whole one counts: %s', async (_, told, returned) => {
    const calls: Ask = async (_c, _m, _t, _o, _onChunk, onToolCall) => {
      for (const input of told) await onToolCall({ id: 'a', name: 'look', input });
      return { toolCalls: returned.map((input) => ({ id: 'a', name: 'look', input })) };
    };
    const { of } = await run([calls, says('Done.')]);
    expect(of('task:tool_call').map((e) => e.toolCall.input)).toEqual([{ at: 'x' }]);
  });

  test.each<[string, object[], object[]]>([
    [
      'told without an id',
      [{ name: 'look', input: { at: 'x' } }],
      [{ id: 'a', name: 'look', input: '{ "at": "x" }' }],
    ],
    ['told early without an id', [{ name: 'look' }], [{ id: 'a', name: 'look', input: { at: 'x' } }]],
    ['returned without an id', [{ id: 'a', name: 'look' }], [{ name: 'look', args: { at: 'x' } }]],
  ])('a call is one call, whether it is %s', async (_, told, returned) => {
    const calls: Ask = async (_c, _m, _t, _o, _onChunk, onToolCall) => {
      for (const call of told) await onToolCall(call);
      return { toolCalls: returned };
    };
    const { of } = await run([calls, says('Done.')]);
    expect(of('task:tool_call').map((e) => e.toolCall)).toEqual([
      { id: 'a', name: 'look', input: { at: 'x' } },
    ]);
  });

  test('calls that are told without ids are as many as there are', async () => {
    const inputs = [{ at: 'x' }, { at: 'x' }, {}, { at: 'y' }];
    const calls: Ask = async (_c, _m, _t, _o, _onChunk, onToolCall) => {
      for (const input of inputs) await onToolCall({ name: 'look', input });
      return { toolCalls: inputs.map((input, i) => ({ id: `c${i}`, name: 'look', input })) };
    };
    const { of } = await run([calls, says('Done.')]);
    expect(of('task:tool_call').map((e) => e.toolCall.input)).toEqual(inputs);
  });

  describe('fails the task with HOST_CALLBACK', () => {
    const accepted = new Set(['undefined', 'a string', 'a lone surrogate', 'a thenable that settles twice']);
    test.each(junk.filter(([name]) => !accepted.has(name)))(
      'for a result that is %s',
      async (name, value) => {
        const { outcome, asked } = await run([value]);
        expect(outcome).toMatchObject({ status: 'failed' });
        // asked for its `then`, a hostile object throws as the function would
        const thrown = name.includes('throw') || name.includes('revoked');
        if (!thrown) {
          expect(asked).toHaveLength(1);
          expect((outcome as any).error).toMatchObject({
            code: 'HOST_CALLBACK',
            message: expect.stringContaining('streamChatResponse returned'),
            retryable: false,
          });
        }
      },
    );

    test.each<[string, unknown, RegExp]>([
      ['parts of no known name', { output: 'x', kind: 1 }, /an object with output, kind/],
      ['a text that is none', { text: 7 }, /as text the number 7/],
      ['content that is none', { content: 7 }, /as content the number 7/],
      ['a block that is none', { content: [7] }, /among its content the number 7/],
      ['calls that are no list', { toolCalls: {} }, /as toolCalls an object/],
      ['a call without a name', { toolCalls: [{ id: 'a' }] }, /an object with id: a call needs the name/],
      ['a call whose input is a cycle', { toolCalls: [{ name: 'look', input: { f() {} } }] }, /no JSON form/],
      ['a stop reason that is none', { text: 'a', stopReason: 7 }, /stop reason the number 7/],
      [
        'a getter that throws',
        {
          text: 'a',
          get usage() {
            throw new Error('trap');
          },
        },
        /reading that threw: trap/,
      ],
    ])('for a result with %s, naming it', async (_, result, message) => {
      const { outcome, asked } = await run([() => result]);
      expect(asked).toHaveLength(1);
      expect((outcome as any).error).toMatchObject({
        code: 'HOST_CALLBACK',
        message: expect.stringMatching(message),
      });
    });

    test.each<[string, unknown]>([
      ['a number', 7],
      ['a list', ['a']],
      ['a function', () => 'a'],
      ['true', true],
    ])('for a chunk that is %s, whatever the function makes of it', async (_, chunk) => {
      const { outcome } = await run([(_c, _m, _t, _o, onChunk) => [onChunk(chunk), 'Done.'][1]]);
      expect((outcome as any).error).toMatchObject({
        code: 'HOST_CALLBACK',
        message: expect.stringContaining('onChunk'),
      });
    });

    test.each(junk)('for a call that is %s', async (_, call) => {
      const { outcome } = await run([
        (_c, _m, _t, _o, _chunk, onToolCall) => [onToolCall(call()), 'Done.'][1],
      ]);
      expect((outcome as any).error).toMatchObject({
        code: 'HOST_CALLBACK',
        message: expect.stringContaining('onToolCall'),
      });
    });
  });

  test.each(throwable)(
    'whatever the function throws (%s), it is tried again and fails in the end',
    async (_, thrown) => {
      const throwing = () => {
        throw thrown;
      };
      for (const ask of [throwing, () => Promise.reject(thrown)]) {
        const { outcome, asked } = await run([ask], { defaults: { retry: { attempts: 2, baseMs: 1 } } });
        expect(outcome.status).toBe('failed');
        expect(asked).toHaveLength(2);
      }
    },
  );

  test("what the SDK throws inside is classified as the SDK's: denied is not tried again, throttled is", async () => {
    const failing = (name: string) => () => Promise.reject(Object.assign(new Error('no'), { name }));
    const denied = await run([failing('AccessDeniedException')]);
    expect(denied.asked).toHaveLength(1);
    expect((denied.outcome as any).error.code).toBe('MODEL_DENIED');
    const throttled = await run([failing('ThrottlingException'), says('Done.')]);
    expect(throttled.outcome.status).toBe('completed');
  });

  test('text that was told before a failure is not kept', async () => {
    const { outcome, of } = await run([
      (_c, _m, _t, _o, onChunk) => {
        onChunk('Half a ');
        throw new Error('socket hang up');
      },
      says('Done.'),
    ]);
    expect(outcome.text).toBe('Done.');
    expect(of('task:message_saved').filter((e) => e.role === 'assistant')).toMatchObject([
      { content: 'Done.' },
    ]);
  });

  test('what comes after the end is ignored', async () => {
    let late = () => {};
    const { outcome, deltas } = await run([
      (_c, _m, _t, _o, onChunk, onToolCall) => {
        late = () => {
          onChunk('late');
          onChunk(7);
          onToolCall({ id: 'late', name: 'look', input: {} });
        };
        return 'Done.';
      },
    ]);
    late();
    await Promise.resolve();
    expect(outcome).toMatchObject({ status: 'completed', text: 'Done.' });
    expect(deltas).toEqual(['Done.']);
  });

  test('a pause settles although the function goes on, and nothing of it is heard any more', async () => {
    const t = createTestHost({ turns: [], tools: { look } });
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const ended = vi.fn();
    let asked = 0;
    const model = fromStreamChatResponse(
      async (_client, _messages, _tools, _options, onChunk, onToolCall) => {
        asked += 1;
        if (asked > 1) return 'Done.';
        onChunk('Half');
        await gate;
        onChunk(' and half');
        await onToolCall({ id: 'a', name: 'look', input: {} });
        ended();
        throw new Error('too late');
      },
      () => 'client',
    );
    const executor = createTaskEngine({ ...t.host, model }).executor(t.taskId, t.userId);
    const heard: string[] = [];
    const half = new Promise<void>((resolve) => {
      executor.on('task:message', ({ content }) => {
        heard.push(content);
        resolve();
      });
    });
    const started = executor.start();
    await half;
    await executor.pause();
    await started;
    expect(executor.status).toBe('paused');
    goOn();
    await vi.waitFor(() => expect(ended).toHaveBeenCalled());
    expect(heard).toEqual(['Half']);
    await executor.resume();
    expect(executor.outcome).toMatchObject({ status: 'completed', text: 'Done.' });
    expect(heard).toEqual(['Half', 'Done.']);
  });

  test.each<[string, unknown[], RegExp]>([
    ['no function', [{}, () => 1], /streamChatResponse must be a function, and is an object/],
    ['no way to a client', [says('a'), undefined], /createBedrockClient must be a function/],
    ['a format of its own', [says('a'), () => 1, { format: 'openai' }], /format must be/],
    [
      'a number that is none',
      [says('a'), () => 1, { inferenceConfig: { maxTokens: '9' } }],
      /maxTokens must be a number/,
    ],
    [
      'a setting without a place',
      [says('a'), () => 1, { inferenceConfig: { topP: 1 } }],
      /topP has no place/,
    ],
  ])('refuses %s at once', (_, args, message) => {
    expect(() => Reflect.apply(fromStreamChatResponse, undefined, args)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });
});
