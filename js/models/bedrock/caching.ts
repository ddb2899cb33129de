import type { ConverseRequest, Message } from '../../types.js';

const cachePoint = { cachePoint: { type: 'default' as const } };

/** As many as a request may have. */
const mostCachePoints = 4;

/** A message never changes, so that each is looked at once, however often it is sent. */
const counted = new WeakMap<Message, number>();

/**
 * The request with cache points after the tools, after the system prompt and at the end of the last user message: what
 * comes before is the same in the next request. Points of an older history count towards the four that a request may
 * have, and the end of the conversation is worth the most. A request whose tools or system prompt have points already
 * stays as it is; messages before the last are not copied.
 */
export function withCachePoints(request: ConverseRequest, o: { tools: boolean }): ConverseRequest {
  const { messages = [], system = [], toolConfig } = request;
  const tools = toolConfig?.tools ?? [];
  if ([...system, ...tools].some((part) => part.cachePoint !== undefined)) {
    return request;
  }
  let left = mostCachePoints - messages.reduce((points, message) => points + pointsIn(message), 0);
  const changed = { ...request };
  if (left > 0) {
    const marked = withPointAtTheEnd(messages);
    if (marked !== messages) {
      changed.messages = marked;
      left -= 1;
    }
  }
  if (left > 0 && system.length > 0) {
    changed.system = [...system, cachePoint];
    left -= 1;
  }
  if (left > 0 && o.tools && tools.length > 0) {
    changed.toolConfig = { ...toolConfig, tools: [...tools, cachePoint] };
  }
  return changed;
}

function pointsIn(message: Message): number {
  const known = counted.get(message);
  if (known !== undefined) {
    return known;
  }
  const points = (message.content ?? []).filter((block) => block.cachePoint !== undefined).length;
  counted.set(message, points);
  return points;
}

function withPointAtTheEnd(messages: Message[]): Message[] {
  const last = messages[messages.length - 1];
  const content = last?.content;
  const end = content?.[content.length - 1];
  if (last?.role !== 'user' || content === undefined || end === undefined) {
    return messages;
  }
  if (end.cachePoint !== undefined || end.reasoningContent !== undefined) {
    return messages;
  }
  return [...messages.slice(0, -1), { ...last, content: [...content, cachePoint] }];
}
