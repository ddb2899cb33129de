import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { outputOf } from './pack.js';

const consumer = inject('consumer');

/** Runs a script that has the package twice, as an ES module and as CommonJS, and returns what it prints as JSON. */
async function withBoth(file: string, source: string): Promise<unknown> {
  const head = `import { createRequire } from 'node:module';
import * as esm from 'task-execution-engine';
import { scriptedModel } from 'task-execution-engine/testing';
const cjs = createRequire(import.meta.url)('task-execution-engine');

let called;
const isCalled = new Promise((resolve) => { called = resolve; });
let release;
const released = new Promise((resolve) => { release = resolve; });
const held = {
  description: 'Waits.',
  inputSchema: { type: 'object' },
  execute: () => { called(); return released; },
};
const model = scriptedModel([{ text: 'Let me see.', tools: [{ name: 'held', input: {} }] }, 'Done.']);
esm.configureTaskExecution({ store: esm.memoryStore(), model, tools: { held } });
const { id } = await cjs.createTask('u', { title: 'A task' });
const names = ['started', 'resumed', 'paused', 'stopped', 'completed', 'tool_result', 'run_ended'];
const recorded = (executor) => {
  const seen = [];
  for (const name of names) executor.on('task:' + name, () => seen.push(name));
  return Object.assign(executor, { seen });
};
`;
  await writeFile(join(consumer, file), head + source);
  return JSON.parse(await outputOf(process.execPath, [file], consumer));
}

test('a copy of the package pauses what another copy runs, configured by either', async () => {
  const told = await withBoth(
    'pauses.mjs',
    `
const runner = recorded(new cjs.TaskExecutor(id, 'u'));
const other = recorded(new esm.TaskExecutor(id, 'u'));
const started = runner.start();
await isCalled;
const paused = other.pause();
release('x');
await Promise.all([paused, started]);
console.log(JSON.stringify({
  two: esm.TaskExecutor !== cjs.TaskExecutor,
  status: [runner.status, other.status],
  outcome: [runner.outcome.status, other.outcome.status],
  runner: runner.seen,
  other: other.seen,
}));
`,
  );
  expect(told).toEqual({
    two: true,
    status: ['paused', 'paused'],
    outcome: ['paused', 'paused'],
    runner: ['started', 'tool_result', 'paused', 'run_ended'],
    other: ['tool_result', 'paused', 'run_ended'],
  });
});

test('a copy that starts what another copy runs joins the run, tells of it and can iterate it', async () => {
  const told = await withBoth(
    'joins.mjs',
    `
const runner = recorded(new esm.TaskExecutor(id, 'u'));
const joining = recorded(new cjs.TaskExecutor(id, 'u'));
const started = runner.start();
await isCalled;
const run = joining.run();
await run.started;
const second = joining.start();
release('x');
await Promise.all([started, second]);
const iterated = [];
for await (const event of run) iterated.push(event.type.slice(5));
console.log(JSON.stringify({
  requests: model.requests.length,
  joining: joining.seen,
  iterated: iterated.filter((name) => names.includes(name)),
  same: JSON.stringify(runner.outcome) === JSON.stringify(joining.outcome),
}));
`,
  );
  const seen = ['tool_result', 'completed', 'run_ended'];
  expect(told).toEqual({ requests: 2, joining: seen, iterated: seen, same: true });
});

test('errors and drain know no copies either', async () => {
  const told = await withBoth(
    'errors.mjs',
    `
const error = await new cjs.TaskExecutor('nowhere', 'u').start().catch((thrown) => thrown);
const runner = recorded(new cjs.TaskExecutor(id, 'u'));
const { outcome } = runner.run();
await isCalled;
const drained = esm.drainTaskExecution();
release('x');
await drained;
console.log(JSON.stringify({
  recognised: error instanceof esm.TaskExecutionError && esm.TaskExecutionError.is(error),
  code: error.code,
  reason: (await outcome).reason,
}));
`,
  );
  expect(told).toEqual({ recognised: true, code: 'TASK_NOT_FOUND', reason: 'drain' });
});
