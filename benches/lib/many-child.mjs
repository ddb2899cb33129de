// Run by ../many.mjs: `node many-child.mjs STORE AT-ONCE TASKS` prints the milliseconds of CPU, of all threads, that a
// task takes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTaskEngine, memoryStore } from 'task-execution-engine';
import { sqliteStore } from 'task-execution-engine/sqlite';
import { cpuMicros, spread } from './numbers.mjs';
import { modelOf } from './world.mjs';

const [kind, atOnce, tasks] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const turns = 3;
const warmUps = 1;
const rounds = 2;

const tools = {
  look: { description: 'Looks.', inputSchema: { type: 'object' }, execute: () => 'r'.repeat(400) },
};

// Time on the CPU is what counts: a disk that others use may be slow.
const defaults = { storeTimeoutMs: 600_000, leaseTtlMs: 600_000 };

/** Works with a tool at every turn, then says that it is done. Others have their turn before each of its own. */
function busy() {
  const { stream } = modelOf((n) => {
    if (n === turns) return { text: 'Done.' };
    const input = { path: `src/file-${n}.ts` };
    return { text: `${n} ${'s'.repeat(400)}`, uses: [{ id: `look-${n}`, name: 'look', input }] };
  });
  return {
    async *stream() {
      await new Promise((resolve) => setImmediate(resolve));
      yield* stream();
    },
  };
}

async function oneTask(store, n) {
  const engine = createTaskEngine({ store, model: busy(), tools, defaults });
  const { id } = await engine.createTask(`user-${n}`, { title: `Task ${n}` });
  const executor = engine.executor(id, `user-${n}`);
  await executor.start();
  const { status, error } = executor.outcome;
  if (status !== 'completed') throw new Error(`A task ended ${status}.`, { cause: error });
}

async function round(store) {
  globalThis.gc?.();
  const began = cpuMicros();
  let next = 0;
  const worker = async () => {
    while (next < tasks) await oneTask(store, next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (cpuMicros() - began) / 1_000 / tasks;
}

const folder = mkdtempSync(join(tmpdir(), 'bench-many-'));
try {
  const millis = [];
  for (let n = -warmUps; n < rounds; n += 1) {
    const store = kind === 'sqlite' ? sqliteStore(join(folder, `${n}.sqlite`)) : memoryStore();
    const took = await round(store);
    store.close?.();
    if (n >= 0) millis.push(took);
  }
  console.log(JSON.stringify({ millis: spread(millis).value, all: millis }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
