import type { Message, ToolConfiguration } from 'task-execution-engine';
import { model } from '../../backend/model.js';

export interface ToolCall {
  id: string;
  name: string;
  input: object;
}

export interface ChatResult {
  text: string;
  toolCalls: ToolCall[];
}

export function createBedrockClient() {
  return model;
}

/** One streamed turn of the model. */
export async function streamChatResponse(
  client: ReturnType<typeof createBedrockClient>,
  messages: Message[],
  tools: NonNullable<ToolConfiguration['tools']>,
  options: { maxTokens: number; temperature: number; systemPrompt: string },
  onChunk: (chunk: string) => void,
  onToolCall: (toolCall: ToolCall) => void,
): Promise<ChatResult> {
  const { maxTokens, temperature, systemPrompt } = options;
  const request = {
    messages,
    system: [{ text: systemPrompt }],
    inferenceConfig: { maxTokens, temperature },
    toolConfig: { tools },
  };
  const result: ChatResult = { text: '', toolCalls: [] };
  let call: { id: string; name: string; json: string } | undefined;
  for await (const event of await client.stream(request, { signal: new AbortController().signal })) {
    const use = event.contentBlockStart?.start?.toolUse;
    if (use) call = { id: use.toolUseId ?? '', name: use.name ?? '', json: '' };
    const delta = event.contentBlockDelta?.delta;
    if (delta?.text !== undefined) {
      result.text += delta.text;
      onChunk(delta.text);
    }
    if (call && delta?.toolUse) call.json += delta.toolUse.input ?? '';
    if (call && event.contentBlockStop) {
      const toolCall = { id: call.id, name: call.name, input: JSON.parse(call.json) as object };
      call = undefined;
      result.toolCalls.push(toolCall);
      onToolCall(toolCall);
    }
  }
  return result;
}
