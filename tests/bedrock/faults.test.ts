import { afterAll, describe, expect, test } from 'vitest';
import { type Call, textTurn, toolTurn } from './endpoint.js';
import { endlessDrip, faults, unusual } from './faults.js';
import { world } from './world.js';

const note = async (call: Call) => {
  await call.events(toolTurn('note', { word: 'kept' }, 'first'));
  call.end();
};
const again = async (call: Call) => {
  await call.events(toolTurn('note', { word: 'again' }, 'second'));
  call.end();
};
const done = async (call: Call) => {
  await call.events(textTurn('Done.'));
  call.end();
};
const rows: string[] = [];

/** The connection is closed: at once, but the server hears of it a moment later. */
async function closed(call: Call | undefined): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 1_000));
  return Promise.race([call?.gone.then(() => true) ?? late, late]);
}

afterAll(() => {
  console.log(`fault × phase, over the SDK:\n${rows.join('\n')}`);
});

describe.each(['1.1', '2'] as const)('over HTTP/%s', (version) => {
  test.each(faults)('$name $phase loses nothing', async (fault) => {
    let injected = 0;
    const faulty = async (call: Call) => {
      injected += 1;
      await fault.inject(call);
    };
    const made = await world([note, faulty, done], version);
    try {
      const executor = made.executor();
      const outcome = await executor.run().outcome;
      const retries = made.events.filter(({ type }) => type === 'task:retry').length;
      rows.push(
        [version, fault.phase, fault.name, outcome.status, `${made.endpoint.calls.length} requests`].join(
          ' · ',
        ),
      );

      expect(injected).toBe(1);
      expect(await closed(made.endpoint.calls[1])).toBe(true);
      expect(made.ran).toEqual([{ tool: 'note', input: { word: 'kept' } }]);
      if (fault.permanent === undefined) {
        expect(outcome).toMatchObject({ status: 'completed', text: 'Done.' });
        expect([made.endpoint.calls.length, retries]).toEqual([3, 1]);
        // two turns of 15 tokens, and an attempt whose cost nobody told
        expect(outcome.usage).toMatchObject({ inputTokens: 20, outputTokens: 10, unreported: 1 });
      } else {
        expect(outcome).toMatchObject({ status: 'failed', error: { code: fault.permanent } });
        expect([made.endpoint.calls.length, retries]).toEqual([2, 0]);
        const again = made.executor();
        await again.resume();
        expect(again.outcome).toMatchObject({ status: 'completed', text: 'Done.' });
        expect(made.ran).toHaveLength(1);
      }
      expect(made.endpoint.calls.at(-1)?.request.messages?.length).toBe(3);
    } finally {
      await made.close();
    }
  });

  test.each(Object.entries(unusual))('%s is taken in whole', async (_, { send, text }) => {
    const made = await world([send], version);
    try {
      const run = made.executor().run();
      expect(await run.outcome).toMatchObject({ status: 'completed', text });
      expect(made.endpoint.calls).toHaveLength(1);
    } finally {
      await made.close();
    }
  });

  const waiting = [...faults.filter(({ name }) => name.startsWith('silence')), endlessDrip];
  for (const command of ['pause', 'stop'] as const) {
    test.each(waiting)(
      `${command} in $name $phase settles within a second, with the connection closed`,
      async (fault) => {
        const made = await world([note, fault.inject], version);
        try {
          const executor = made.executor();
          const run = executor.run({ idleTimeoutMs: 60_000 });
          await expect.poll(() => made.endpoint.calls.length, { timeout: 5_000 }).toBe(2);
          await new Promise((resolve) => setTimeout(resolve, 50));
          const asked = Date.now();
          await executor[command]();
          expect(Date.now() - asked).toBeLessThan(1_000);
          expect((await run.outcome).status).toBe(command === 'pause' ? 'paused' : 'stopped');
          expect(await closed(made.endpoint.calls[1])).toBe(true);
        } finally {
          await made.close();
        }
      },
    );
  }

  test.each([
    ['pause', 'paused'],
    ['stop', 'stopped'],
  ] as const)('%s during the wait before another attempt settles at once', async (command, status) => {
    const busy = (call: Call) => call.fail(429, 'ThrottlingException', 'Slow down.', { 'retry-after': '30' });
    const made = await world([busy], version);
    try {
      const executor = made.executor();
      const retrying = new Promise<number>((resolve) => {
        executor.on('task:retry', ({ delayMs }) => resolve(delayMs));
      });
      const run = executor.run();
      expect(await retrying).toBeGreaterThanOrEqual(30_000);
      const asked = Date.now();
      await executor[command]();
      expect(Date.now() - asked).toBeLessThan(1_000);
      expect((await run.outcome).status).toBe(status);
      expect(made.endpoint.calls).toHaveLength(1);
    } finally {
      await made.close();
    }
  });
});

test('a client over HTTP/2 is warned of once, one with the recommended settings never', async () => {
  const [one, two] = await Promise.all([world([note, done], '1.1'), world([note, done], '2')]);
  try {
    await one.executor().start();
    await two.executor().start();
    expect(one.warnings).toEqual([]);
    expect(two.warnings).toEqual([expect.stringMatching(/HTTP\/2.*NodeHttpHandler/)]);
    expect(two.endpoint.calls[0]?.version).toBe('2.0');
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
});

test('requests have cache points after the tools, the system prompt and the last user message', async () => {
  const made = await world([note, done]);
  try {
    await made.executor().start();
    const request = made.endpoint.calls[1]?.request;
    expect(request?.toolConfig?.tools?.at(-1)).toEqual({ cachePoint: { type: 'default' } });
    expect(request?.messages?.map(({ content }) => content?.filter((b) => b.cachePoint).length)).toEqual([
      0, 0, 1,
    ]);
  } finally {
    await made.close();
  }
});

test('a task with tools on Nova gets past its second request, with cache points', async () => {
  const made = await world([note, again, done], '1.1', 'us.amazon.nova-pro-v1:0');
  try {
    const executor = made.executor();
    await executor.start();
    expect(executor.status).toBe('completed');
    expect(JSON.stringify(made.endpoint.calls.at(-1)?.request.messages)).toContain('cachePoint');
  } finally {
    await made.close();
  }
});
