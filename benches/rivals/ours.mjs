import { createTask, memoryStore, TaskExecutor } from 'task-execution-engine';
import { called, finished, heard, piece, shape, tool, usage } from './script.mjs';

let step = 0;
const model = {
  async *stream() {
    step += 1;
    yield { messageStart: { role: 'assistant' } };
    for (let n = 0; n < shape.perStep; n += 1) {
      yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: piece } } };
    }
    yield { contentBlockStop: { contentBlockIndex: 0 } };
    const calls = step < shape.steps;
    if (calls) {
      const use = { toolUseId: `call-${step}`, name: tool.name };
      yield { contentBlockStart: { contentBlockIndex: 1, start: { toolUse: use } } };
      const input = JSON.stringify({ page: step });
      yield { contentBlockDelta: { contentBlockIndex: 1, delta: { toolUse: { input } } } };
      yield { contentBlockStop: { contentBlockIndex: 1 } };
    }
    yield { messageStop: { stopReason: calls ? 'tool_use' : 'end_turn' } };
    yield { metadata: { usage, metrics: { latencyMs: 5 } } };
  },
};
const tools = {
  [tool.name]: {
    description: tool.description,
    inputSchema: tool.schema,
    execute: async (input) => called(input),
  },
};
const host = { store: memoryStore(), model, tools, defaults: { limits: { iterations: Infinity } } };
const { id } = await createTask('u', { title: 'Look at all pages.' }, host);
const executor = new TaskExecutor(id, 'u', host);
executor.on('task:message', heard);
await executor.start();
if (executor.outcome.status !== 'completed') throw new Error(`The task ended ${executor.outcome.status}.`);
finished();
