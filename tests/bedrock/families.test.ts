import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { content, tool } from '../../js/index.js';
import { type Call, textTurn, toolTurn } from './endpoint.js';
import { world } from './world.js';

const answering = (events: Record<string, unknown>[]) => async (call: Call) => {
  await call.events(events);
  call.end();
};
const done = answering(textTurn('Done.'));
const thinking = (delta: object) =>
  toolTurn('note', {}, 'a').flatMap((event) =>
    'messageStart' in event
      ? [event, { contentBlockDelta: { contentBlockIndex: 0, delta: { reasoningContent: delta } } }]
      : [event],
  );
const claude = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
const deepseek = 'us.deepseek.r1-v1:0';
const refused = (call: Call) => call.fail(403, 'AccessDeniedException', 'not today');

test('Claude takes tools whose schema is a union, and the call is checked against all of it', async () => {
  const inputSchema = z.discriminatedUnion('action', [
    z.object({ action: z.literal('open'), path: z.string() }),
    z.object({ action: z.literal('close'), id: z.number() }),
  ]);
  const ran: unknown[] = [];
  const act = tool({ description: 'Acts.', inputSchema, execute: (input) => void ran.push(input) });
  const calls = [
    toolTurn('act', { action: 'open', id: 1 }, 'a'),
    toolTurn('act', { action: 'close', id: 1 }, 'b'),
  ];
  const made = await world([...calls.map(answering), done], '1.1', claude, { tools: { act } });
  try {
    const executor = made.executor();
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
    expect(ran).toEqual([{ action: 'close', id: 1 }]);
    const results = made.events.filter(({ type }) => type === 'task:tool_result');
    expect(results.map((event) => 'status' in event && event.status)).toEqual(['error', 'success']);
  } finally {
    await made.close();
  }
});

test('Nova takes tools of zod, with unions, definitions and recursion, and their calls are checked in full', async () => {
  const node = z.object({
    name: z.string(),
    get children() {
      return z.array(node).optional();
    },
  });
  const ran: unknown[] = [];
  const execute = (input: unknown) => void ran.push(input);
  const inputSchema = z.discriminatedUnion('action', [
    z.strictObject({ action: z.literal('plant'), tree: node }),
    z.strictObject({ action: z.literal('fell'), name: z.string() }).describe('Gone for good.'),
  ]);
  const tree = { name: 'a', children: [{ name: 'b' }] };
  const calls = [
    toolTurn('act', { action: 'plant', tree: { name: 'a', children: [{ nam: 'b' }] } }, 'a'),
    toolTurn('act', { action: 'plant', tree }, 'b'),
  ];
  const nova = 'us.amazon.nova-pro-v1:0';
  const act = tool({ description: 'Acts.', inputSchema, execute });
  const made = await world([...calls.map(answering), done], '1.1', nova, { tools: { act } });
  try {
    const executor = made.executor();
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
    expect(ran).toEqual([{ action: 'plant', tree }]);
    const spec = made.endpoint.calls[0]?.request.toolConfig?.tools?.[0]?.toolSpec;
    expect(spec?.description).toMatch(/^Acts\.\n[\s\S]*- action: "fell", name: Gone for good\.$/);
    expect(spec?.inputSchema?.json).toMatchObject({
      type: 'object',
      required: ['action'],
      properties: {
        action: { enum: ['plant', 'fell'] },
        tree: { properties: { children: { items: { properties: { name: { type: 'string' } } } } } },
      },
    });
  } finally {
    await made.close();
  }
});

describe('reasoning', () => {
  test.each([
    ['another model has not signed goes to Claude no more', 'zai.glm-4.7', { text: 'hmm' }, claude],
    [
      'another model has signed goes to Claude no more',
      'zai.glm-4.7',
      { text: 'hmm', signature: 'not of Claude' },
      claude,
    ],
    ['DeepSeek wrote does not go back to it', deepseek, { text: 'hmm' }, deepseek],
  ])('that %s', async (_, first, delta, second) => {
    const made = await world([answering(thinking(delta)), refused, done], '1.1', claude, { model: first });
    try {
      const executor = made.executor();
      await executor.start();
      expect(executor.outcome).toMatchObject({ status: 'failed', error: { code: 'MODEL_DENIED' } });
      const path = `users/u/tasks/${made.task.id}`;
      await made.store.commit([
        { op: 'update', path, fields: [{ path: ['config', 'model'], value: second }] },
      ]);
      await executor.resume();
      expect(executor.outcome?.status).toBe('completed');
      const last = made.endpoint.calls.at(-1);
      expect(last?.modelId).toBe(second);
      expect(JSON.stringify(last?.request)).not.toContain('reasoningContent');
    } finally {
      await made.close();
    }
  });

  test('of another model is not there for Claude, which does not think as long as calls go on', async () => {
    const fields = { thinking: { type: 'enabled', budget_tokens: 1_024 }, anthropic_beta: ['x'] };
    const turns = [answering(thinking({ text: 'hm' })), refused, answering(toolTurn('note', {}, 'b')), done];
    const made = await world(turns, '1.1', claude, {
      model: 'zai.glm-4.7',
      fields,
    });
    try {
      const executor = made.executor();
      await executor.start();
      const path = `users/u/tasks/${made.task.id}`;
      await made.store.commit([
        { op: 'update', path, fields: [{ path: ['config', 'model'], value: claude }] },
      ]);
      await executor.resume();
      expect(executor.outcome).toMatchObject({ status: 'completed' });
      const sent = made.endpoint.calls.map(({ request }) => request.additionalModelRequestFields);
      const without = { anthropic_beta: ['x'] };
      expect(sent).toEqual([fields, fields, without, without]);
    } finally {
      await made.close();
    }
  });

  test('before the first of its calls is enough for Claude to think on', async () => {
    const fields = { thinking: { type: 'enabled', budget_tokens: 1_024 } };
    const first = answering(thinking({ text: 'hm', signature: 's' }));
    const made = await world([first, answering(toolTurn('note', {}, 'b')), done], '1.1', claude, { fields });
    try {
      const executor = made.executor();
      await executor.start();
      expect(executor.outcome).toMatchObject({ status: 'completed' });
      const sent = made.endpoint.calls.map(({ request }) => request.additionalModelRequestFields);
      expect(sent).toEqual([fields, fields, fields]);
    } finally {
      await made.close();
    }
  });

  test('that a model has signed goes back to it, with the region of another profile', async () => {
    const made = await world(
      [answering(thinking({ text: 'hmm', signature: 's' })), refused, done],
      '1.1',
      claude,
      { model: claude },
    );
    try {
      const executor = made.executor();
      await executor.start();
      const path = `users/u/tasks/${made.task.id}`;
      const value = claude.replace('us.', 'eu.');
      await made.store.commit([{ op: 'update', path, fields: [{ path: ['config', 'model'], value }] }]);
      await executor.resume();
      expect(executor.outcome?.status).toBe('completed');
      expect(JSON.stringify(made.endpoint.calls.at(-1)?.request)).toContain('"signature":"s"');
    } finally {
      await made.close();
    }
  });
});

describe('an image that a tool returns', () => {
  const bytes = new Uint8Array([137, 80, 78, 71]);
  const shot = tool({
    description: 'Takes a picture.',
    inputSchema: { type: 'object' },
    execute: () => content({ text: 'The page:' }, { image: { format: 'png', source: { bytes } } }),
  });
  const scripts = (turns: number) => [answering(toolTurn('shot', {}, 'a')), ...Array(turns).fill(done)];

  test('is sent as the SDK sends images', async () => {
    const made = await world(scripts(1), '1.1', claude, { tools: { shot } });
    try {
      await made.executor().start();
      const result = made.endpoint.calls[1]?.request.messages?.at(-1)?.content?.[0]?.toolResult;
      expect(result?.content).toEqual([
        { text: 'The page:' },
        { image: { format: 'png', source: { bytes: Buffer.from(bytes).toString('base64') } } },
      ]);
    } finally {
      await made.close();
    }
  });

  test('is left out for a model that takes none, after one refusal', async () => {
    const made = await world(scripts(1), '1.1', 'us.meta.llama3-3-70b-instruct-v1:0', { tools: { shot } });
    try {
      const executor = made.executor();
      await executor.start();
      expect(executor.outcome?.status).toBe('completed');
      expect(made.endpoint.calls).toHaveLength(3);
      const said = JSON.stringify(made.endpoint.calls[2]?.request);
      expect(said).toContain('The page:');
      expect(said).toContain('type image is left out');
    } finally {
      await made.close();
    }
  });
});

test('a guardrail that blocks a result lets the next resume go on', async () => {
  const made = await world(
    [answering(toolTurn('note', {}, 'a')), answering(textTurn('Sorry.', 'guardrail_intervened')), done],
    '1.1',
    claude,
    { tools: { note: tool({ description: 'd', inputSchema: { type: 'object' }, execute: () => 'CACTUS' }) } },
  );
  try {
    const executor = made.executor();
    await executor.start();
    expect(executor.outcome).toMatchObject({ status: 'paused', reason: 'guardrail_intervened' });
    await executor.resume();
    expect(executor.outcome?.status).toBe('completed');
    const [, , last] = made.endpoint.calls;
    expect(JSON.stringify(last?.request)).not.toContain('CACTUS');
  } finally {
    await made.close();
  }
});

test('a task with more screenshots than a request may hold goes on', async () => {
  const bytes = new Uint8Array([137, 80, 78, 71]);
  const shot = tool({
    description: 'Takes a picture.',
    inputSchema: { type: 'object' },
    execute: () => content({ image: { format: 'png', source: { bytes } } }),
  });
  const turns = Array.from({ length: 22 }, (_, n) => answering(toolTurn('shot', { n }, `a${n}`)));
  const made = await world([...turns, done], '1.1', claude, { tools: { shot } });
  try {
    const executor = made.executor();
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
    const last = JSON.stringify(made.endpoint.calls.at(-1)?.request);
    expect(last.match(/An image is left out/g)).toHaveLength(2);
  } finally {
    await made.close();
  }
});

test('what one model has said beside its calls does not keep Llama from going on', async () => {
  const llama = 'us.meta.llama3-3-70b-instruct-v1:0';
  const turns = [answering(toolTurn('note', {}, 'a')), refused, done];
  const note = tool({ description: 'd', inputSchema: { type: 'object' }, execute: () => 'noted' });
  const made = await world(turns, '1.1', claude, { tools: { note }, model: claude });
  try {
    const executor = made.executor();
    await executor.start();
    expect(executor.outcome).toMatchObject({ status: 'failed', error: { code: 'MODEL_DENIED' } });
    const path = `users/u/tasks/${made.task.id}`;
    await made.store.commit([{ op: 'update', path, fields: [{ path: ['config', 'model'], value: llama }] }]);
    await executor.resume();
    expect(executor.outcome?.status).toBe('completed');
    const [, before, after] = made.endpoint.calls.map(({ request }) => JSON.stringify(request));
    expect(before).toContain('Calling.');
    expect(after).not.toContain('Calling.');
  } finally {
    await made.close();
  }
});

test.each([
  [
    'Mistral takes ids of nine digits alone',
    'mistral.mistral-large-2407-v1:0',
    'tooluse_bpe71yCfRu2b5i-nKGDr5g',
  ],
  ['Claude takes ids that Kimi has made', claude, 'functions.note:0'],
])('%s', async (_, second, id) => {
  const note = tool({ description: 'd', inputSchema: { type: 'object' }, execute: () => 'noted' });
  const calls = [id, `${id}1`, 'abcdefgh1'].flatMap((id, n) => toolTurn('note', { n }, id).slice(0, -2));
  const turns = [answering([...calls, { messageStop: { stopReason: 'tool_use' } }]), refused, done];
  const first = 'moonshot.kimi-k2-thinking';
  const made = await world(turns, '1.1', first, { tools: { note }, model: first });
  try {
    const executor = made.executor();
    await executor.start();
    const path = `users/u/tasks/${made.task.id}`;
    await made.store.commit([{ op: 'update', path, fields: [{ path: ['config', 'model'], value: second }] }]);
    await executor.resume();
    expect(executor.outcome?.status).toBe('completed');
    const [, before, after] = made.endpoint.calls.map(({ request }) => request.messages ?? []);
    const idsOf = (messages: typeof before) =>
      messages?.flatMap(({ content = [] }) =>
        content.flatMap((b) => (b.toolUse ?? b.toolResult)?.toolUseId ?? []),
      ) ?? [];
    expect(idsOf(before)).toEqual([id, `${id}1`, 'abcdefgh1', id, `${id}1`, 'abcdefgh1']);
    const ids = idsOf(after);
    expect(new Set(ids).size).toBe(3);
    expect(ids.slice(0, 3)).toEqual(ids.slice(3));
    expect(ids[2]).toBe('abcdefgh1');
  } finally {
    await made.close();
  }
});

test('what Claude says behind its call, and a thought that was cut off, do not keep it from going on', async () => {
  const delta = (contentBlockIndex: number, delta: object) => ({
    contentBlockDelta: { contentBlockIndex, delta },
  });
  const turns = [
    answering([
      ...toolTurn('note', {}, 'a').slice(0, -2),
      delta(7, { text: 'I have noted it.' }),
      delta(8, { reasoningContent: { text: 'But' } }),
      { messageStop: { stopReason: 'max_tokens' } },
    ]),
    done,
  ];
  const note = tool({ description: 'd', inputSchema: { type: 'object' }, execute: () => 'noted' });
  const made = await world(turns, '1.1', claude, { tools: { note } });
  try {
    const executor = made.executor();
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
    const said = made.endpoint.calls[1]?.request.messages?.at(-2)?.content ?? [];
    expect(said.map((block) => block.text ?? Object.keys(block)[0])).toEqual([
      'Calling.',
      'I have noted it.',
      'toolUse',
    ]);
  } finally {
    await made.close();
  }
});

test('documents that Bedrock writes out for Claude keep their cache point in front', async () => {
  const made = await world([done, done], '1.1', claude, {});
  try {
    const executor = made.executor();
    const source = { bytes: new TextEncoder().encode('# Notes') };
    await executor.send(content({ text: 'Read.' }, { document: { format: 'md', name: 'Notes', source } }));
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
    const kinds = made.endpoint.calls
      .at(-1)
      ?.request.messages?.at(-1)
      ?.content?.map((b) => Object.keys(b)[0]);
    expect(kinds?.slice(-2)).toEqual(['cachePoint', 'document']);
  } finally {
    await made.close();
  }
});

test('documents of one name, more of them than a request may hold, and one without a word, go through', async () => {
  const paper = (n: number) =>
    content({ document: { format: 'txt', name: 'Report', source: { bytes: new Uint8Array([n + 1]) } } });
  let made = 0;
  const read = tool({ description: 'd', inputSchema: { type: 'object' }, execute: () => paper(made++) });
  const turns = Array.from({ length: 6 }, (_, n) => answering(toolTurn('read', { n }, `a${n}`)));
  const world_ = await world([...turns, done, done], '1.1', claude, { tools: { read } });
  try {
    const executor = world_.executor();
    await executor.send(paper(7));
    await executor.start();
    expect(executor.outcome).toMatchObject({ status: 'completed' });
    const last = JSON.stringify(world_.endpoint.calls.at(-1)?.request);
    expect(last.match(/"name":"Report( \d)?"/g)).toEqual([
      '"name":"Report"',
      ...[2, 3, 4, 5].map((n) => `"name":"Report ${n}"`),
    ]);
    expect(last).toContain('The document Report is left out here');
  } finally {
    await world_.close();
  }
});
