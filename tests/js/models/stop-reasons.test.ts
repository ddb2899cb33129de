import { describe, expect, test } from 'vitest';
import { createTaskEngine, type ModelClient } from '../../../js/index.js';
import { bedrockModel, fromStreamChatResponse } from '../../../js/models/bedrock/index.js';
import { createTestHost } from '../../../js/testing/index.js';

interface Said {
  text: string;
  stop: string;
}

function events({ text, stop }: Said): object[] {
  return [
    ...(text === '' ? [] : [{ contentBlockDelta: { contentBlockIndex: 0, delta: { text } } }]),
    { messageStop: { stopReason: stop } },
    { metadata: { usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } } },
  ];
}

async function* streamed(said: Said): AsyncGenerator<any> {
  yield* events(said);
}

class Command {
  constructor(readonly input: unknown) {}
}

/** Each way to have a model, asking `next` for every turn. */
const ways: Record<string, (next: () => Said) => ModelClient> = {
  'a model of its own': (next) => ({ stream: () => streamed(next()) }),
  bedrockModel: (next) =>
    bedrockModel({
      client: { config: {}, send: async () => ({ stream: streamed(next()) }) },
      sdk: { ConverseStreamCommand: Command },
      modelId: 'anthropic.claude-sonnet-4-5-20250929-v1:0',
    }),
  fromStreamChatResponse: (next) =>
    fromStreamChatResponse(
      () => {
        const { text, stop } = next();
        return {
          content: text === '' ? [] : [{ type: 'text', text }],
          stop_reason: stop,
          usage: { input_tokens: 1, output_tokens: 1 },
        };
      },
      () => 'client',
    ),
};

async function outcomeOf(way: (next: () => Said) => ModelClient, first: Said) {
  const turns = [first];
  const t = createTestHost({ turns: [] });
  let asked = 0;
  const model = way(() => {
    asked += 1;
    return turns.shift() ?? { text: 'Done.', stop: 'end_turn' };
  });
  const run = createTaskEngine({ ...t.host, model })
    .executor(t.taskId, t.userId)
    .run();
  const { status, reason, ...rest } = await run.outcome;
  return { status, reason, code: 'error' in rest ? rest.error.code : undefined, asked };
}

// https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
describe.each<[string, string, object]>([
  ['end_turn', 'Fine.', { status: 'completed', asked: 1 }],
  ['end_turn', '', { status: 'completed', asked: 2 }],
  ['stop_sequence', 'Fine.', { status: 'completed', asked: 1 }],
  ['max_tokens', 'Fi', { status: 'completed', asked: 2 }],
  ['max_tokens', '', { status: 'paused', reason: 'max_tokens', asked: 1 }],
  ['tool_use', 'I will look it up.', { status: 'completed', asked: 2 }],
  ['pause_turn', 'Searching.', { status: 'completed', asked: 2 }],
  ['refusal', 'I cannot.', { status: 'paused', reason: 'content_filtered', asked: 1 }],
  ['refusal', '', { status: 'paused', reason: 'content_filtered', asked: 1 }],
  ['model_context_window_exceeded', 'Fi', { status: 'failed', code: 'CONTEXT_OVERFLOW', asked: 1 }],
  ['guardrail_intervened', 'No.', { status: 'paused', reason: 'guardrail_intervened', asked: 1 }],
  ['of another day', 'Fine.', { status: 'completed', asked: 1 }],
])('%s behind %j means the same', (stop, text, expected) => {
  test.each(Object.entries(ways))('through %s', async (_, way) => {
    expect(await outcomeOf(way, { text, stop })).toMatchObject(expected);
  });
});
