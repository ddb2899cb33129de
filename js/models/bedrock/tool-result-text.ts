import type { ContentBlock, ConverseRequest, Message, ToolResultContentBlock } from '../../types.js';

/** A message never changes, so that each is looked at once, however often it is sent. */
const moved = new WeakMap<Message, Message>();

/**
 * The request for models that refuse text beside tool results, and beside tool uses: the text goes into the last result of
 * its message; what another model has said beside its calls is left out, for want of a place.
 */
export function withTextInsideToolResults(request: ConverseRequest): ConverseRequest {
  const { messages } = request;
  return messages === undefined ? request : { ...request, messages: messages.map(inside) };
}

function inside(message: Message): Message {
  const known = moved.get(message);
  if (known !== undefined) {
    return known;
  }
  const changed = move(message);
  moved.set(message, changed);
  return changed;
}

function move(message: Message): Message {
  const content = message.content ?? [];
  const texts = content.flatMap((block) => (typeof block.text === 'string' ? [block.text] : []));
  const last = content.findLastIndex((block) => block.toolResult !== undefined);
  const asks = content.some((block) => block.toolUse !== undefined);
  if ((last === -1 && !asks) || texts.length === 0) {
    return message;
  }
  const kept: ContentBlock[] = [];
  content.forEach((block, index) => {
    if (index === last && block.toolResult !== undefined) {
      const added: ToolResultContentBlock[] = texts.map((text) => ({ text }));
      const result = { ...block.toolResult, content: [...(block.toolResult.content ?? []), ...added] };
      kept.push({ toolResult: result });
    } else if (typeof block.text !== 'string') {
      kept.push(block);
    }
  });
  return { ...message, content: kept };
}
