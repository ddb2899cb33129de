import { expect, test } from 'vitest';
import { tool } from '../../../js/index.js';
import { collect, world } from './world.js';

function denied(message: string): Error {
  return Object.assign(new Error(message), {
    name: 'AccessDeniedException',
    $metadata: { httpStatusCode: 403 },
  });
}

test('what the model throws in the middle of its stream is the cause of the error, in outcome and event', async () => {
  const thrown = denied('no access');
  const { executor } = world([{ text: 'Half of a sentence', fail: thrown }]);
  const runner = executor();
  const run = runner.run();
  const events = await collect(run);
  const outcome = await run.outcome;
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'MODEL_DENIED' } });
  const ended = events.at(-1);
  expect(ended).toMatchObject({ type: 'task:run_ended', outcome: { status: 'failed' } });
  for (const told of [outcome, runner.outcome, ended && 'outcome' in ended ? ended.outcome : undefined]) {
    expect(told && 'error' in told && told.error.cause).toBe(thrown);
  }
});

test.each([
  ['a model that throws before it streams', () => denied('at once')],
  ['a model that throws no Error', () => ({ name: 'ValidationException', message: 'a plain object' })],
])('%s: the very thing it threw is the cause', async (_, make) => {
  const thrown = make();
  const model = {
    stream(): never {
      throw thrown;
    },
  };
  const runner = world([], { model }).executor();
  await runner.start();
  const { outcome } = runner;
  expect(outcome?.status).toBe('failed');
  expect(outcome && 'error' in outcome && outcome.error.cause).toBe(thrown);
});

test('when all attempts are used up the cause is what the last of them threw', async () => {
  const errors = ['first', 'second', 'third'].map((message) => new Error(message));
  const { executor } = world(errors.map((fail) => ({ fail })));
  const runner = executor({ retry: { attempts: 3, baseMs: 1, maxMs: 1 } });
  await runner.start();
  const { outcome } = runner;
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'MODEL_UNAVAILABLE', retryable: true } });
  expect(outcome && 'error' in outcome && outcome.error.cause).toBe(errors[2]);
  expect(runner.types().filter((type) => type === 'task:retry')).toHaveLength(2);
});

test('a model that falls silent has thrown nothing: its error has no cause', async () => {
  const { executor } = world([{ text: 'Hm', fail: 'stall' }]);
  const runner = executor({ idleTimeoutMs: 20, retry: { attempts: 1 } });
  await runner.start();
  const { outcome } = runner;
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'MODEL_TIMEOUT' } });
  expect(outcome && 'error' in outcome && outcome.error.cause).toBeUndefined();
});

test.each([0, 1])(
  'a tool whose long error is cut in the middle of its emoji (%i) is quoted to the model',
  async (at) => {
    const cause = new Error('\u{1f600}'.repeat(3_000));
    const fail = tool({
      description: 'Fails.',
      inputSchema: { type: 'object' },
      execute: () => {
        throw new Error('x'.repeat(9_000 + at), { cause });
      },
    });
    const { executor } = world([{ tools: [{ name: 'fail', input: {} }] }, 'Done.'], { tools: { fail } });
    const runner = executor();
    await runner.start();
    expect(runner.seen).toContainEqual(
      expect.objectContaining({
        type: 'task:tool_result',
        status: 'error',
        content: [{ text: expect.stringMatching(/^x+\nCaused by: \u{1f600}+\ufffd?$/u) }],
      }),
    );
  },
);

test('a stream that keeps itself alive with deltas of nothing is not taken for silent', async () => {
  const delta = (delta: object) => ({ contentBlockDelta: { contentBlockIndex: 0, delta } });
  const model = {
    async *stream() {
      yield { messageStart: { role: 'assistant' } };
      const empty = [{ text: '' }, { toolUse: { input: '' } }, { reasoningContent: { text: '' } }];
      for (let i = 0; i < 12; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        yield delta(empty[i % 3] as object);
      }
      yield delta({ text: 'Done.' });
      yield { messageStop: { stopReason: 'end_turn' } };
    },
  };
  const runner = world([], { model: model as never }).executor({
    idleTimeoutMs: 300,
    retry: { attempts: 1 },
  });
  await runner.start();
  expect(runner.outcome).toMatchObject({ status: 'completed', text: 'Done.' });
  const said = runner.seen.flatMap((event) => (event.type === 'task:message' ? [event.content] : []));
  expect(said, 'and nobody is told of nothing').toEqual(['Done.']);
});
