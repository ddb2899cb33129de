import { expect, test } from 'vitest';
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
