import { content, tool } from 'task-execution-engine';
import { createTestHost, virtualClock } from 'task-execution-engine/testing';
import { describe, expect, it, vi } from 'vitest';
import { fakeEverything } from '@/test/timers';

describe('the test host', () => {
  it('needs no mocks: retries of minutes pass at once, under fake timers too', async () => {
    fakeEverything();
    try {
      const t = createTestHost({ turns: [{ fail: 'throttled' }, { fail: 'throttled' }, 'At last.'] });
      const executor = t.executor();
      await executor.start();
      expect(executor.outcome?.text).toBe('At last.');
      t.done();
    } finally {
      vi.useRealTimers();
    }
  });

  it('stands still while a tool waits for a timer that the spec has to move', async () => {
    fakeEverything();
    try {
      let begun = () => {};
      const sleeping = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const sleep = tool({
        description: 'Sleeps for an hour.',
        inputSchema: { type: 'object' },
        async execute() {
          const slept = new Promise<string>((resolve) => setTimeout(resolve, 3_600_000, 'rested'));
          begun();
          return slept;
        },
      });
      const t = createTestHost({
        tools: { sleep },
        turns: [{ tools: [{ name: 'sleep', input: {} }] }, 'Good.'],
      });
      const started = t.executor().start();
      await sleeping;
      const real = virtualClock({ auto: false });
      for (let turns = 0; turns < 500; turns += 1) await real.advance(0);
      vi.advanceTimersByTime(3_600_000);
      await started;
      const result = t.events.find((event) => event.type === 'task:tool_result');
      expect(result).toMatchObject({ status: 'success', content: [{ text: 'rested' }] });
      t.done();
    } finally {
      vi.useRealTimers();
    }
  });

  it('runs tools whose results are bytes and objects of this realm', async () => {
    const measure = tool({
      description: 'Measures.',
      inputSchema: { type: 'object' },
      execute: () => ({ at: new Date(0), sizes: new Map([['a', 1]]), list: [1, 2] }),
    });
    const t = createTestHost({
      tools: { measure },
      turns: [{ tools: [{ name: 'measure', input: {} }] }, 'Measured.'],
    });
    await t.executor().start();
    const result = t.events.find((event) => event.type === 'task:tool_result');
    expect(result).toMatchObject({
      status: 'success',
      content: [{ json: { at: '1970-01-01T00:00:00.000Z', sizes: { a: 1 }, list: [1, 2] } }],
    });
    t.done();
  });

  it.each([
    ['bytes of this realm', new Uint8Array([1, 2, 3])],
    ['a buffer of Node', Buffer.from([1, 2, 3])],
  ])('sends %s to the model as they are', async (_, bytes) => {
    const t = createTestHost({ turns: ['I see.'] });
    await t.engine
      .lifecycle(t.taskId, t.userId)
      .send(content({ image: { format: 'png', source: { bytes } } }));
    await t.executor().start();
    const sent = JSON.stringify(
      t.requests[0]?.messages?.flatMap((message) => message.content ?? []).filter(({ image }) => image),
      (_, value) => (ArrayBuffer.isView(value) ? [...(value as Uint8Array)] : value),
    );
    expect(sent).toContain('[1,2,3]');
    t.done();
  });
});
