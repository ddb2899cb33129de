// What an executor costs that has run, is paused and has one listener: `node --expose-gc benches/idle-executors.mjs`.
import { createTask, memoryStore, TaskExecutor } from '../pkg/index.js';

const count = 10_000;
const mostBytes = 5_000;

if (globalThis.gc === undefined) {
  console.error('Run it with the garbage collector in reach: node --expose-gc benches/idle-executors.mjs');
  process.exit(1);
}

let wasm;
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const made = await instantiate(...args);
  wasm = (made.instance ?? made).exports.memory;
  return made;
};

const store = memoryStore();
const tools = {
  note: { description: 'Notes.', inputSchema: { type: 'object' }, execute: () => 'x'.repeat(10_000) },
};

const model = {
  async *stream() {
    yield { messageStart: { role: 'assistant' } };
    yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'Noting.' } } };
    yield { contentBlockStop: { contentBlockIndex: 0 } };
    yield {
      contentBlockStart: { contentBlockIndex: 1, start: { toolUse: { toolUseId: 'n1', name: 'note' } } },
    };
    yield { contentBlockDelta: { contentBlockIndex: 1, delta: { toolUse: { input: '{}' } } } };
    yield { contentBlockStop: { contentBlockIndex: 1 } };
    yield { messageStop: { stopReason: 'tool_use' } };
  },
};
// One for all, as an app has it.
const host = { store, model, tools };

/** Runs a task up to its first tool result and pauses it there. */
async function paused() {
  const { id } = await createTask('u', { title: 'A task' }, host);
  const executor = new TaskExecutor(id, 'u', host);
  executor.on('task:tool_result', () => void executor.pause());
  await executor.start();
  if (executor.outcome?.status !== 'paused') throw new Error(`It ended ${executor.outcome?.status}.`);
  return executor;
}

async function heap() {
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    gc();
  }
  return process.memoryUsage().heapUsed;
}

for (let n = 0; n < 100; n += 1) await paused();
const wasmBefore = wasm.buffer.byteLength;
let executors = [];
for (let n = 0; n < count; n += 1) executors.push(await paused());
const held = await heap();
const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
const wasmGrown = wasm.buffer.byteLength - wasmBefore;
const alive = executors.filter((executor) => executor.isPaused).length;
executors = [];
const bytes = Math.round((held - (await heap())) / count);

console.log(`${alive} executors, ran and paused, one listener each`);
console.log(`heap an executor  ${bytes} bytes (limit ${mostBytes})`);
console.log(`wasm memory grown ${wasmGrown} bytes (limit 0)`);
console.log(`timers            ${timers} (limit 0)`);
process.exitCode = alive === count && bytes <= mostBytes && wasmGrown === 0 && timers === 0 ? 0 : 1;
