// Fifty tasks at once on one SQLite file: how many steps they make a second, and how many of their commits share a
// transaction.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTaskEngine } from 'task-execution-engine';
import { sqliteStore } from 'task-execution-engine/sqlite';
import { rounded, spread } from './lib/numbers.mjs';
import { modelOf } from './lib/world.mjs';

const tasks = 50;
const turns = 20;
const rounds = 5;
const said = 's'.repeat(400);
const found = 'r'.repeat(400);

const tools = { look: { description: 'Looks.', inputSchema: { type: 'object' }, execute: () => found } };
const defaults = { limits: { iterations: Infinity, minutes: Infinity } };

/** Works with a tool at every turn, then says that it is done. */
const busy = () =>
  modelOf((n) => {
    if (n === turns) return { text: 'Done.' };
    const input = { path: `src/file-${n}.ts` };
    return { text: `${n} ${said}`, uses: [{ id: `look-${n}`, name: 'look', input }] };
  });

/** Steps a second of tasks that all begin at once. */
async function stepsPerSecond(folder, count) {
  const store = sqliteStore(join(folder, `${crypto.randomUUID()}.sqlite`));
  const executors = [];
  for (let n = 0; n < count; n += 1) {
    const engine = createTaskEngine({ store, model: busy(), tools, defaults });
    const { id } = await engine.createTask('u', { title: `Task ${n}` });
    executors.push(engine.executor(id, 'u'));
  }
  const began = performance.now();
  await Promise.all(executors.map((executor) => executor.start()));
  const seconds = (performance.now() - began) / 1_000;
  store.close();
  for (const { outcome } of executors) {
    if (outcome.status !== 'completed') {
      throw new Error(`A task ended ${outcome.status}.`, { cause: outcome.error });
    }
  }
  return (count * turns) / seconds;
}

export default async function measure() {
  const folder = mkdtempSync(join(tmpdir(), 'bench-sqlite-'));
  try {
    const together = [];
    const alone = [];
    for (let n = 0; n < rounds; n += 1) {
      together.push(await stepsPerSecond(folder, tasks));
      alone.push(await stepsPerSecond(folder, 1));
    }
    const row = (name, numbers) => {
      const { value, least, most } = spread(numbers.map((number) => rounded(number, 0)));
      return { name, unit: 'steps/s', value, least, most };
    };
    return [row(`SQLite: ${tasks} tasks at once`, together), row('SQLite: one task alone', alone)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
