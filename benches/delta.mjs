// What the engine takes for a text delta, from the model's event object to one listener, less what the same loop takes
// that hands the same events to a listener by itself.
import { EventEmitter } from 'node:events';
import { createTask, memoryStore, TaskExecutor } from 'task-execution-engine';
import { cpuMicros, rounded, spread } from './lib/numbers.mjs';

const deltas = 20_000;
const text = 'sixteen letters.';
const warmUps = 5;
const rounds = 25;

/** CPU microseconds between the first delta of the turn and whoever asks for what follows the last. */
let spent = 0;

async function* turn() {
  yield { messageStart: { role: 'assistant' } };
  const began = cpuMicros();
  for (let n = 0; n < deltas; n += 1) yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text } } };
  spent = cpuMicros() - began;
  yield { contentBlockStop: { contentBlockIndex: 0 } };
  yield { messageStop: { stopReason: 'end_turn' } };
}

async function withEngine(listener) {
  const host = { store: memoryStore(), model: { stream: turn } };
  const { id } = await createTask('u', { title: 'A task' }, host);
  const executor = new TaskExecutor(id, 'u', host);
  executor.on('task:message', listener);
  await executor.start();
}

async function withoutEngine(listener) {
  const emitter = new EventEmitter();
  emitter.on('task:message', listener);
  for await (const { contentBlockDelta } of turn()) {
    if (contentBlockDelta) emitter.emit('task:message', { content: contentBlockDelta.delta.text });
  }
}

async function microsPerDelta(loop) {
  let heard = 0;
  await loop(({ content }) => {
    heard += content.length;
  });
  if (heard !== deltas * text.length) throw new Error(`The listener heard ${heard} characters.`);
  return spent / deltas;
}

export default async function measure() {
  const differences = [];
  for (let round = -warmUps; round < rounds; round += 1) {
    const plain = await microsPerDelta(withoutEngine);
    const engine = await microsPerDelta(withEngine);
    if (round >= 0) differences.push(rounded(engine - plain, 2));
  }
  return [{ name: 'engine CPU per text delta', unit: 'µs', budget: 0.6, ...spread(differences) }];
}
