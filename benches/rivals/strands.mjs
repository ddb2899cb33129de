import { Agent, Model, SessionManager, tool as toolOf } from '@strands-agents/sdk';
import { InMemoryStorage } from '@strands-agents/sdk/storage';
import { called, finished, heard, piece, shape, tool, usage } from './script.mjs';

class Scripted extends Model {
  step = 0;

  updateConfig() {}

  getConfig() {
    return { modelId: 'scripted', contextWindowLimit: 200_000 };
  }

  async *stream() {
    this.step += 1;
    yield { type: 'modelMessageStartEvent', role: 'assistant' };
    yield { type: 'modelContentBlockStartEvent' };
    for (let n = 0; n < shape.perStep; n += 1) {
      yield { type: 'modelContentBlockDeltaEvent', delta: { type: 'textDelta', text: piece } };
    }
    yield { type: 'modelContentBlockStopEvent' };
    const calls = this.step < shape.steps;
    if (calls) {
      const start = { type: 'toolUseStart', name: tool.name, toolUseId: `call-${this.step}` };
      yield { type: 'modelContentBlockStartEvent', start };
      const input = JSON.stringify({ page: this.step });
      yield { type: 'modelContentBlockDeltaEvent', delta: { type: 'toolUseInputDelta', input } };
      yield { type: 'modelContentBlockStopEvent' };
    }
    yield { type: 'modelMessageStopEvent', stopReason: calls ? 'toolUse' : 'endTurn' };
    yield { type: 'modelMetadataEvent', usage, metrics: { latencyMs: 5 } };
  }
}

const look = toolOf({
  name: tool.name,
  description: tool.description,
  inputSchema: tool.schema,
  callback: called,
});
const sessionManager = new SessionManager({ storage: new InMemoryStorage(), saveLatestOn: 'message' });
const agent = new Agent({ model: new Scripted(), tools: [look], printer: false, sessionManager });
for await (const event of agent.stream('Look at all pages.')) {
  if (event.type === 'modelStreamUpdateEvent' && event.event.delta?.type === 'textDelta') heard();
}
finished();
