import type { ContentBlock, ConverseRequest, Message } from '../../types.js';

const cachePoint = { cachePoint: { type: 'default' as const } };

/**
 * The request with cache points after the tools, after the system prompt and at the end of the last user message: what
 * comes before is the same in the next request. A request that has cache points already stays as it is; messages before
 * the last are not copied.
 */
export function withCachePoints(request: ConverseRequest, o: { tools: boolean }): ConverseRequest {
  const { messages, system, toolConfig } = request;
  const tools = toolConfig?.tools;
  const own = [...(system ?? []), ...(tools ?? [])].some((part) => 'cachePoint' in part);
  if (own) {
    return request;
  }
  return {
    ...request,
    ...(system !== undefined && system.length > 0 ? { system: [...system, cachePoint] } : {}),
    ...(o.tools && toolConfig !== undefined && tools !== undefined && tools.length > 0
      ? { toolConfig: { ...toolConfig, tools: [...tools, cachePoint] } }
      : {}),
    ...(messages === undefined ? {} : { messages: marked(messages) }),
  };
}

function marked(messages: Message[]): Message[] {
  const last = messages[messages.length - 1];
  const content = last?.content;
  if (last?.role !== 'user' || content === undefined || content.length === 0) {
    return messages;
  }
  const end = content[content.length - 1] as ContentBlock;
  if ('cachePoint' in end || 'reasoningContent' in end) {
    return messages;
  }
  return [...messages.slice(0, -1), { ...last, content: [...content, cachePoint] }];
}
