import { afterEach, describe, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.doUnmock('../../js/builtin.js');
  vi.unstubAllGlobals();
  vi.resetModules();
});

function refused(name: string) {
  return function stub() {
    throw new Error(`A Node.js API is used (${name}) which is not supported in the Edge Runtime.`);
  };
}

/** The package as it is where nothing is Node's. */
async function loaded(globals: Record<string, unknown>) {
  vi.resetModules();
  vi.doMock('../../js/builtin.js', () => ({ builtin: () => ({}) }));
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
  const [engine, testing, server] = await Promise.all([
    import('../../js/index.js'),
    import('../../js/testing/index.js'),
    import('../../js/server/index.js'),
  ]);
  return { ...engine, ...testing, ...server };
}

describe.each([
  ['only a MessageChannel, as in workerd', { setImmediate: undefined }],
  ['neither, as in workerd of 2024', { setImmediate: undefined, MessageChannel: undefined }],
  [
    'stubs of both that throw, as in edge layers',
    { setImmediate: refused('setImmediate'), MessageChannel: refused('MessageChannel') },
  ],
])('where a platform has, of setImmediate and MessageChannel, %s', (_, globals) => {
  test('back-off, long streams, generators and followers all go on', async () => {
    const { createTask, createTaskEngine, createTaskRoutes, memoryStore, scriptedModel, TaskExecutor, tool } =
      await loaded(globals);
    const count = tool({
      description: 'Counts.',
      inputSchema: { type: 'object' },
      async *execute() {
        yield 1;
        yield 2;
        return 3;
      },
    });
    const pieces = Array.from({ length: 3_000 }, (_, i) => `${i} `);
    const turns = [
      { fail: 'throttled' as const },
      { tools: [{ name: 'count', input: {} }] },
      pieces.join(''),
    ];
    const model = scriptedModel(turns, { chunkSize: 4 });
    const host = { store: memoryStore(), model, tools: { count } };
    const { id } = await createTask('u', { title: 'T' }, host);
    const executor = new TaskExecutor(id, 'u', host);
    const results: string[] = [];
    executor.on('task:tool_result', ({ status }) => results.push(status));
    await executor.start();
    expect(executor.outcome).toMatchObject({ status: 'completed', text: pieces.join('') });
    expect(results).toEqual(['success']);

    const followed = async () => {
      const types: string[] = [];
      const follower = new TaskExecutor(id, 'u', host);
      for await (const { type } of follower.events({ after: '0', until: 'ended' })) types.push(type);
      return types;
    };
    const [first, beside] = await Promise.all([followed(), followed()]);
    expect(first).toContain('task:completed');
    expect(beside).toEqual(first);
    expect(await followed(), 'also once the first read is over').toEqual(first);

    const { GET } = createTaskRoutes({ user: () => 'u', engine: createTaskEngine(host) });
    const streamed = await GET(new Request(`https://app.example/api/tasks/${id}/events?after=0`));
    const reader = (streamed.body as ReadableStream<Uint8Array>).getReader();
    let sent = '';
    while (!sent.includes('event: task:completed')) sent += Buffer.from((await reader.read()).value ?? []);
    await reader.cancel();
  }, 20_000);
});
