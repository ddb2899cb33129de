import { jsonSchema, stepCountIs, streamText, tool as toolOf } from 'ai';
import { called, finished, heard, piece, shape, tool, usage } from './script.mjs';

let step = 0;

function* parts() {
  step += 1;
  yield { type: 'stream-start', warnings: [] };
  yield { type: 'text-start', id: 't' };
  for (let n = 0; n < shape.perStep; n += 1) yield { type: 'text-delta', id: 't', delta: piece };
  yield { type: 'text-end', id: 't' };
  const calls = step < shape.steps;
  if (calls) {
    const toolCallId = `call-${step}`;
    const input = JSON.stringify({ page: step });
    yield { type: 'tool-input-start', id: toolCallId, toolName: tool.name };
    yield { type: 'tool-input-delta', id: toolCallId, delta: input };
    yield { type: 'tool-input-end', id: toolCallId };
    yield { type: 'tool-call', toolCallId, toolName: tool.name, input };
  }
  const reason = calls ? 'tool-calls' : 'stop';
  yield {
    type: 'finish',
    finishReason: { unified: reason, raw: reason },
    usage: { inputTokens: { total: usage.inputTokens }, outputTokens: { total: usage.outputTokens } },
  };
}

const model = {
  specificationVersion: 'v4',
  provider: 'scripted',
  modelId: 'scripted',
  supportedUrls: {},
  doStream: async () => ({ stream: ReadableStream.from(parts()) }),
};
const saved = new Map();
const { textStream } = streamText({
  model,
  prompt: 'Look at all pages.',
  tools: {
    [tool.name]: toolOf({
      description: tool.description,
      inputSchema: jsonSchema(tool.schema),
      execute: async (input) => called(input),
    }),
  },
  stopWhen: stepCountIs(shape.steps + 1),
  // As its documentation has it: all messages, after each step.
  onStepEnd: ({ response }) => {
    saved.set('chat', JSON.stringify(response.messages));
  },
});
for await (const _text of textStream) heard();
if (saved.size === 0) throw new Error('Nothing was saved.');
finished();
