// Fakes the timers of Node itself, before or after the package is loaded, and runs tasks. Prints what came of them.
import { createRequire } from 'node:module';
import { mock } from 'node:test';

const require = createRequire(import.meta.url);
const [by, when] = process.argv.slice(2);

function fake() {
  if (by === 'node:test') {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] });
    return () => mock.timers.reset();
  }
  const clock = require('@sinonjs/fake-timers').install();
  return () => clock.uninstall();
}

// By require: Node's import() itself waits for nextTick.
let restore = when === 'before' ? fake() : undefined;
const { createTaskEngine, memoryStore } = require('task-execution-engine');
const { createTestHost, reset, scriptedModel } = require('task-execution-engine/testing');

async function run(turns) {
  const engine = createTaskEngine({ store: memoryStore(), model: scriptedModel(turns) });
  const { id } = await engine.createTask('ada', { title: 'A task' });
  const executor = engine.executor(id, 'ada');
  await executor.start();
  return executor.outcome.status;
}

restore ??= fake();
const seen = { faked: await run(['Done.']) };
// What node:test has faked before the import stands still until it is real again.
if (by !== 'node:test' || when !== 'before') {
  seen.retried = await run([{ fail: 'throttled' }, 'Done.']);
  const t = createTestHost({ turns: [{ fail: 'throttled' }, 'Done.'] });
  await t.executor().start();
  t.done();
  await reset();
}
restore();
seen.real = await run([{ fail: 'throttled' }, 'Done.']);
await reset();
console.log(JSON.stringify(seen));
