import { expect, test } from 'vitest';
import { TaskPersistence } from '../../../js/api/persistence.js';
import { content, memoryStore, type TaskEvent, type ToolCall, tool } from '../../../js/index.js';
import { taskWith } from './fixtures.js';
import { collect, heldTool, world } from './world.js';

const anything = { type: 'object' };

test('what an approval, needsApproval and a look at the task change reaches neither execute nor the journal', async () => {
  const ran: unknown[] = [];
  const login = tool({
    description: 'd',
    inputSchema: { type: 'object', properties: { password: { type: 'string' } } },
    needsApproval: (input) => {
      input.password = '*';
      return false;
    },
    execute: (input) => {
      ran.push({ ...input });
      input.password = 'taken';
      return 'ok';
    },
  });
  const { executor, options, model } = world(
    [{ tools: [{ name: 'login', input: { password: 'hunter2' }, id: 'a' }] }, 'Done.'],
    {
      tools: { login },
      approval: (call) => {
        (call.input as { password: string }).password = '***';
        return false;
      },
    },
  );
  const runner = executor();
  await runner.start();
  expect(runner.outcome?.status).toBe('completed');
  expect(ran).toEqual([{ password: 'hunter2' }]);
  const [, use] = await new TaskPersistence('t', 'u', options).apiMessages();
  expect(use?.content?.[0]?.toolUse?.input).toEqual({ password: 'hunter2' });
  expect(JSON.stringify(model.requests.at(-1))).not.toContain('*');
});

test('what a look-up changes in the call reaches neither the journal nor the next request', async () => {
  const seen: unknown[] = [];
  const pay = tool({
    description: 'd',
    inputSchema: { type: 'object', properties: { to: { type: 'string' } } },
    timeoutMs: 20,
    execute: () => new Promise(() => {}),
    onUnknownOutcome: (call) => {
      seen.push(structuredClone(call));
      Object.assign(call, { id: 'other', name: 'other' });
      Object.assign(call.input, { to: 'nobody' });
      return 'paid';
    },
  });
  const { executor, options, model } = world(
    [{ tools: [{ name: 'pay', input: { to: 'Ada' }, id: 'a' }] }, 'Done.'],
    { tools: { pay } },
  );
  const runner = executor();
  await runner.start();
  expect(runner.outcome?.status).toBe('completed');
  expect(seen).toEqual([{ id: 'a', name: 'pay', input: { to: 'Ada' } }]);
  const [, use] = await new TaskPersistence('t', 'u', options).apiMessages();
  expect(use?.content?.[0]?.toolUse).toMatchObject({ toolUseId: 'a', name: 'pay', input: { to: 'Ada' } });
  expect(JSON.stringify(model.requests.at(-1))).not.toMatch(/nobody|other/);
});

test('a model client that puts cache points into its request finds none of them in the next', async () => {
  const points: number[] = [];
  const { executor, options } = world(['a']);
  let turn = 0;
  const runner = executor({
    tools: { look: tool({ description: 'd', inputSchema: anything, execute: () => 'ok' }) },
    model: {
      async *stream(request: { messages: { content: object[] }[] }) {
        turn += 1;
        request.messages.at(-1)?.content.push({ cachePoint: { type: 'default' } });
        points.push(
          request.messages.flatMap(({ content: blocks }) => blocks).filter((block) => 'cachePoint' in block)
            .length,
        );
        yield {
          contentBlockStart: {
            contentBlockIndex: 0,
            start: { toolUse: { toolUseId: `a${turn}`, name: 'look' } },
          },
        };
        yield { contentBlockDelta: { contentBlockIndex: 0, delta: { toolUse: { input: `{"n":${turn}}` } } } };
        if (turn < 12) yield { messageStop: { stopReason: 'tool_use' } };
        else throw Object.assign(new Error('enough'), { name: 'AccessDeniedException' });
      },
    },
  });
  await runner.start();
  expect(points).toEqual(Array(12).fill(1));
  expect(JSON.stringify(await new TaskPersistence('t', 'u', options).apiMessages())).not.toContain(
    'cachePoint',
  );
});

test('an image that a tool returns goes to the model as bytes, and into the record of results', async () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const shot = tool({
    description: 'd',
    inputSchema: anything,
    execute: () => content({ text: 'The page:' }, { image: { format: 'png', source: { bytes } } }),
  });
  const { executor, model, options } = world([{ tools: [{ name: 'shot', input: {}, id: 'a' }] }, 'Done.'], {
    tools: { shot },
  });
  await executor().start();
  const image = { image: { format: 'png', source: { bytes } } };
  const result = model.requests[1]?.messages?.at(-1)?.content?.[0]?.toolResult;
  expect(result?.content).toEqual([{ text: 'The page:' }, image]);
  const persistence = new TaskPersistence('t', 'u', options);
  expect((await persistence.toolResults())[0]?.content).toEqual([{ text: 'The page:' }, image]);
});

test('a message with an image reaches the model, and the thread says so in words', async () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const { executor, model, options } = world(['Done.', 'A cat.']);
  const runner = executor();
  await runner.send(
    content({ text: 'What is this?' }, { image: { format: 'png', source: { bytes } } }, { json: { a: 1 } }),
  );
  await runner.start();
  const said = model.requests[0]?.messages?.[0]?.content ?? [];
  expect(said).toContainEqual({ image: { format: 'png', source: { bytes } } });
  expect(said).toContainEqual({ text: '{"a":1}' });
  const thread = await new TaskPersistence('t', 'u', options).taskMessages();
  expect(thread.filter(({ role }) => role === 'user').map((message) => message.content)).toEqual([
    'What is this?\n[image]\n{"a":1}',
  ]);
});

test('an answer may be an image too', async () => {
  const { executor, model } = world([{ tools: [{ name: 'ask', input: {}, id: 'a' }] }, 'Done.'], {
    tools: { ask: tool({ description: 'd', inputSchema: anything }) },
  });
  const runner = executor();
  runner.on('task:answer_required', ({ toolCall }: { toolCall: ToolCall }) => {
    void runner.answer(
      toolCall.id,
      content({ image: { format: 'gif', source: { bytes: new Uint8Array([7]) } } }),
    );
  });
  await runner.start();
  expect(model.requests[1]?.messages?.at(-1)?.content?.[0]?.toolResult?.content).toEqual([
    { image: { format: 'gif', source: { bytes: new Uint8Array([7]) } } },
  ]);
});

test('a long result is cut for the model, and its record says by how much', async () => {
  const log = tool({
    description: 'd',
    inputSchema: anything,
    maxResultBytes: 1_000,
    execute: () => 'line\n'.repeat(10_000),
  });
  const { executor, options } = world([{ tools: [{ name: 'log', input: {}, id: 'a' }] }, 'Done.'], {
    tools: { log },
  });
  await executor().start();
  const [record] = await new TaskPersistence('t', 'u', options).toolResults();
  expect(record?.cutBytes).toBeGreaterThan(48_000);
  expect(record?.content[0]?.text).toMatch(/^line\n.*\[… \d+ of 50000 bytes are left out here …\].*line\n$/s);
});

test('a tool tells how far it is, whoever watches, and no more once it has returned', async () => {
  let late: ((progress: string) => void) | undefined;
  const dig = tool({
    description: 'd',
    inputSchema: anything,
    execute: (_, { report }) => {
      late = report;
      report('digging');
      report(0.5);
      return 'gold';
    },
  });
  const { executor } = world([{ tools: [{ name: 'dig', input: {}, id: 'a' }] }, 'Done.'], { tools: { dig } });
  const runner = executor();
  const run = runner.run();
  const seen = await collect<TaskEvent>(run);
  late?.('more');
  const progress = seen.filter((event) => event.type === 'task:tool_progress');
  expect(progress).toEqual([
    { type: 'task:tool_progress', taskId: 't', toolCallId: 'a', name: 'dig', progress: 'digging' },
    { type: 'task:tool_progress', taskId: 't', toolCallId: 'a', name: 'dig', progress: 0.5 },
  ]);
  const order = seen.map(({ type }) => type);
  expect(order.indexOf('task:tool_progress')).toBeLessThan(order.indexOf('task:tool_result'));
});

test('the input of a tool is told while the model writes it, merged for whoever reads slowly', async () => {
  const { executor } = world([{ tools: [{ name: 'look', input: { path: 'a/b' }, id: 'a' }] }, 'Done.'], {
    tools: { look: tool({ description: 'd', inputSchema: anything, execute: () => 1 }) },
  });
  const runner = executor();
  const seen = await collect<TaskEvent>(runner.run());
  const input = seen.filter((event) => event.type === 'task:tool_input').map(({ delta }) => delta);
  expect(input.join('')).toBe('{"path":"a/b"}');
  expect(runner.types().filter((type) => type === 'task:tool_call')).toHaveLength(1);
});

test('whoever joins in mid-turn is told the text so far at once, and then the rest', async () => {
  const { held, isCalled, release } = heldTool();
  const store = memoryStore({ tasks: [taskWith(['Do it'])] });
  let go!: () => void;
  const going = new Promise<void>((resolve) => {
    go = resolve;
  });
  const model = {
    async *stream() {
      yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'one ' } } };
      yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'two ' } } };
      release('streaming');
      await going;
      yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'three' } } };
      yield { messageStop: { stopReason: 'end_turn' } };
    },
  };
  const { executor } = world([], { store, model: model as never, tools: { held } });
  const runner = executor();
  const outcome = runner.start();
  await Promise.race([isCalled, new Promise((resolve) => setTimeout(resolve, 50))]);
  const texts: [number, string][] = [];
  const follower = executor().events();
  for await (const event of follower) {
    if (event.type === 'task:message') {
      texts.push([event.offset, event.content]);
      go();
    }
    if (event.type === 'task:message_saved' && event.role === 'assistant') break;
  }
  await outcome;
  expect(texts[0]).toEqual([0, 'one two ']);
  expect(texts.map(([, text]) => text).join('')).toBe('one two three');
  for (const [i, [offset]] of texts.entries()) {
    expect(offset).toBe(texts.slice(0, i).reduce((sum, [, text]) => sum + text.length, 0));
  }
});

test('tools that run alone run alone, over the API', async () => {
  let running = 0;
  let most = 0;
  const busy = (exclusive: boolean) =>
    tool({
      description: 'd',
      inputSchema: anything,
      exclusive,
      execute: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running -= 1;
        return 'ok';
      },
    });
  const call = (name: string, id: string) => ({ name, input: {}, id });
  const { executor } = world(
    [{ tools: [call('alone', 'a'), call('alone', 'b'), call('alone', 'c')] }, 'Done.'],
    {
      tools: { alone: busy(true) },
    },
  );
  const runner = executor();
  await runner.start();
  expect([runner.outcome?.status, most]).toEqual(['completed', 1]);
});

test('what prompt and the function of tools change in the task is changed for nobody else', async () => {
  const titles: unknown[] = [];
  const spoiled = (task: { title: string }) => {
    titles.push(task.title);
    task.title = 'Spoiled';
  };
  const { executor, model } = world(
    ['One.', 'Two.'],
    {
      tools: (task) => {
        spoiled(task);
        return {};
      },
      prompt: ({ task, item }) => {
        spoiled(task);
        item.name = 'Spoiled';
        return `Do ${item.id}`;
      },
    },
    ['First', 'Second'],
  );
  const runner = executor();
  await runner.start();
  expect(runner.outcome?.status).toBe('completed');
  expect(titles).toEqual([titles[0], titles[0], titles[0]]);
  expect(titles[0]).not.toBe('Spoiled');
  expect(JSON.stringify(model.requests)).not.toContain('Spoiled');
});

/** Nothing else of this process goes on meanwhile. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test('a call behind one that blocks the process is run only once the lease was renewed', async () => {
  const log: string[] = [];
  const works = (name: string, ms: number) =>
    tool({
      description: name,
      inputSchema: anything,
      execute: () => {
        log.push(name);
        if (ms > 0) block(ms);
        return name;
      },
    });
  const store = memoryStore({ tasks: [taskWith(['Do it'])] });
  const { executor } = world(
    [
      {
        tools: [
          { name: 'slow', input: {}, id: 'a' },
          { name: 'fast', input: {}, id: 'b' },
        ],
      },
      'Done.',
    ],
    {
      tools: { slow: works('slow', 800), fast: works('fast', 0) },
      store: {
        ...store,
        commit: (writes, options) => {
          log.push('commit');
          return store.commit(writes, options);
        },
      },
    },
  );
  const runner = executor({ leaseTtlMs: 1_000 });
  await runner.start();
  expect(runner.outcome?.status).toBe('completed');
  expect(log.slice(log.indexOf('slow'), log.indexOf('fast'))).toContain('commit');
  expect(log.filter((what) => what !== 'commit')).toEqual(['slow', 'fast']);
});
