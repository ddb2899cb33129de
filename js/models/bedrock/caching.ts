import type { ContentBlock, ConverseRequest, Message } from '../../types.js';
import type { Caching } from './model-family.js';

const cachePoint = { cachePoint: { type: 'default' as const } };

/** As many as a request may have. */
const mostCachePoints = 4;

/** A message never changes, so that each is looked at once, however often it is sent. */
const counted = new WeakMap<Message, number>();

/**
 * The request with cache points after the tools, after the system prompt and at the end of the last user message, or of
 * the last one that ends with a text where the model takes none elsewhere: what comes before is the same in the next
 * request. Points of an older history count towards the four that a request may
 * have, and the end of the conversation is worth the most. A request whose tools or system prompt have points already
 * stays as it is; other messages are not copied.
 */
export function withCachePoints(
  request: ConverseRequest,
  o: Pick<Caching, 'tools' | 'behindTextOnly'>,
): ConverseRequest {
  const { messages = [], system = [], toolConfig } = request;
  const tools = toolConfig?.tools ?? [];
  if ([...system, ...tools].some((part) => part.cachePoint !== undefined)) {
    return request;
  }
  let left = mostCachePoints - messages.reduce((points, message) => points + pointsIn(message), 0);
  const changed = { ...request };
  if (left > 0) {
    const marked = withPointAtAnEnd(messages, o.behindTextOnly);
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

/** A document that Bedrock writes out for Claude: behind one it loses the point ("messages.0.content.3.type: Field required"). */
function isConverted({ document }: ContentBlock): boolean {
  return document !== undefined && document.format !== 'pdf';
}

function withPointAtAnEnd(messages: Message[], behindTextOnly: boolean): Message[] {
  const endOf = ({ role, content = [] }: Message) =>
    role === 'user' ? content[content.length - 1] : undefined;
  const isText = (end: ContentBlock | undefined) => typeof end?.text === 'string';
  const at = behindTextOnly
    ? messages.findLastIndex((message) => isText(endOf(message)) || pointsIn(message) > 0)
    : messages.length - 1;
  const message = messages[at];
  const end = message && endOf(message);
  if (end === undefined || end.cachePoint !== undefined || end.reasoningContent !== undefined) {
    return messages;
  }
  const content = message?.content ?? [];
  const behind = content.findLastIndex((block) => !isConverted(block)) + 1;
  if (behind === 0 || content[behind - 1]?.cachePoint !== undefined) return messages;
  const marked = { ...message, content: content.toSpliced(behind, 0, cachePoint) } as Message;
  return [...messages.slice(0, at), marked, ...messages.slice(at + 1)];
}
