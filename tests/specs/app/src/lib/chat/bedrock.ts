import type { Message, ToolConfiguration } from 'task-execution-engine';

export interface ToolCall {
  id: string;
  name: string;
  input: object;
}

export interface ChatResult {
  text: string;
  toolCalls: ToolCall[];
}

/** What the AWS SDK's client is to the real app. */
export interface ChatClient {
  ask(request: object): AsyncIterable<{ text?: string; toolCall?: ToolCall }>;
}

export function createBedrockClient(): ChatClient {
  return {
    async *ask() {
      yield { text: 'It is done.' };
    },
  };
}

/** One streamed turn of the model. */
export async function streamChatResponse(
  client: ChatClient,
  messages: Message[],
  tools: NonNullable<ToolConfiguration['tools']>,
  options: { maxTokens: number; temperature: number; systemPrompt: string },
  onChunk: (chunk: string) => void,
  onToolCall: (toolCall: ToolCall) => void,
): Promise<ChatResult> {
  const result: ChatResult = { text: '', toolCalls: [] };
  for await (const { text, toolCall } of client.ask({ messages, tools, ...options })) {
    if (text !== undefined) {
      result.text += text;
      onChunk(text);
    }
    if (toolCall !== undefined) {
      result.toolCalls.push(toolCall);
      onToolCall(toolCall);
    }
  }
  return result;
}
