import type { ChatResult, streamChatResponse } from '@/lib/chat/bedrock';

type Chat = typeof streamChatResponse;

/** A mock's answer: it says the text in pieces, as the model does. */
export function saying(text: string): Chat {
  return async (_client, _messages, _tools, _options, onChunk): Promise<ChatResult> => {
    for (const piece of text.match(/.{1,4}/g) ?? []) onChunk(piece);
    return { text, toolCalls: [] };
  };
}

/** A mock's answer: it asks for a tool. */
export function calling(name: string, input: object): Chat {
  return async (_client, _messages, _tools, _options, _onChunk, onToolCall): Promise<ChatResult> => {
    const call = { id: 'call-1', name, input };
    onToolCall(call);
    return { text: '', toolCalls: [call] };
  };
}

/** A mock's answer that says something and does not come back before `release` is called. */
export function hanging(): { chat: Chat; release(): void } {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const chat: Chat = async (_client, _messages, _tools, _options, onChunk) => {
    onChunk('Let me think');
    await released;
    return { text: 'Let me think', toolCalls: [] };
  };
  return { chat, release };
}
