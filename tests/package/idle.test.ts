import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { outputOf } from './pack.js';

const consumer = inject('consumer');

const source = `
let wasm;
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const made = await instantiate(...args);
  wasm = (made.instance ?? made).exports.memory;
  return made;
};
const { createTask, memoryStore, TaskExecutor } = await import('task-execution-engine');

const inner = memoryStore();
let watches = 0;
const store = {
  ...inner,
  watch: (...args) => {
    const end = inner.watch(...args);
    watches += 1;
    return () => { watches -= 1; end(); };
  },
};
/** Of every conversation: what a machine that has ended would still hold. */
const conversations = [];
const model = {
  async *stream({ messages }) {
    conversations.push(new WeakRef(messages[0]));
    yield { messageStart: { role: 'assistant' } };
    yield { contentBlockStart: { contentBlockIndex: 0, start: { toolUse: { toolUseId: 'n1', name: 'note' } } } };
    yield { contentBlockDelta: { contentBlockIndex: 0, delta: { toolUse: { input: '{}' } } } };
    yield { contentBlockStop: { contentBlockIndex: 0 } };
    yield { messageStop: { stopReason: 'tool_use' } };
  },
};
const tools = { note: { description: 'Notes.', inputSchema: { type: 'object' }, execute: () => 'x'.repeat(50_000) } };
const host = { store, model, tools };

async function paused() {
  const { id } = await createTask('u', { title: 'A task' }, host);
  const executor = new TaskExecutor(id, 'u', host);
  executor.on('task:tool_result', () => void executor.pause());
  // Another instance that joins by a command holds no more than the one that ran.
  const joining = new TaskExecutor(id, 'u', host);
  executor.once('task:tool_call', () => void joining.run({ signal: new AbortController().signal }));
  await executor.start();
  await joining.pause();
  return [executor, joining];
}
async function collected() {
  for (let round = 0; round < 10; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    gc();
  }
}

for (let n = 0; n < 20; n += 1) await paused();
const before = wasm.buffer.byteLength;
let executors = [];
for (let n = 0; n < 300; n += 1) executors.push(...(await paused()));
await collected();
const held = {
  paused: executors.filter((executor) => executor.isPaused && executor.outcome?.status === 'paused').length,
  conversations: conversations.filter((ref) => ref.deref() !== undefined).length,
  watches,
  timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
  wasmGrown: wasm.buffer.byteLength - before,
};
const refs = executors.map((executor) => new WeakRef(executor));
executors = [];
await collected();
const rooted = refs.filter((ref) => ref.deref() !== undefined).length;
console.log(JSON.stringify({ asked: conversations.length, ...held, rooted }));
`;

test('executors that have run and are paused hold no conversation, wasm memory, timer or watch, and nothing holds them', async () => {
  await writeFile(join(consumer, 'idle-executors.mjs'), source);
  const told = JSON.parse(await outputOf(process.execPath, ['--expose-gc', 'idle-executors.mjs'], consumer));
  expect(told).toEqual({
    asked: 320,
    paused: 600,
    conversations: 0,
    watches: 0,
    timers: 0,
    wasmGrown: 0,
    rooted: 0,
  });
});
