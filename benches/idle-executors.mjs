// What an executor holds that has run, is paused and has one listener.
import { createTask, memoryStore, TaskExecutor } from 'task-execution-engine';
import { modelOf } from './lib/world.mjs';

const count = 10_000;

let wasm;
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const made = await instantiate(...args);
  wasm = (made.instance ?? made).exports.memory;
  return made;
};

// One for all, as an app has it.
const host = {
  store: memoryStore(),
  model: modelOf((n) => ({ text: 'Noting.', uses: [{ id: `note-${n}`, name: 'note', input: {} }] })),
  tools: {
    note: { description: 'Notes.', inputSchema: { type: 'object' }, execute: () => 'x'.repeat(10_000) },
  },
};

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
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

export default async function measure() {
  for (let n = 0; n < 100; n += 1) await paused();
  const wasmBefore = wasm.buffer.byteLength;
  let executors = [];
  for (let n = 0; n < count; n += 1) executors.push(await paused());
  const held = await heap();
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const grown = wasm.buffer.byteLength - wasmBefore;
  if (!executors.every((executor) => executor.isPaused)) throw new Error('Not all of them are paused.');
  executors = [];
  const bytes = Math.round((held - (await heap())) / count);
  return [
    { name: 'heap of an idle executor, of 10,000', unit: 'bytes', budget: 5_000, value: bytes },
    { name: 'wasm memory that 10,000 idle ones hold', unit: 'bytes', budget: 0, value: grown },
    { name: 'timers that 10,000 idle ones hold', unit: '', budget: 0, value: timers },
  ];
}
