import type { ConverseRequest, Message } from '../../types.js';

/** What a family of models takes as the id of a call, where that is less than Bedrock takes. */
export interface IdForm {
  pattern: RegExp;
  /** An id of that form, the same for the same id, and for no other. */
  from(id: string): string;
  /** A message never changes, so that each is looked at once, however often it is sent. */
  known: WeakMap<Message, Message>;
}

/** "must be a-z, A-Z, 0-9, with a length of 9", says Mistral, also of the ids that Bedrock made for its calls. */
export const nineDigits: IdForm = {
  pattern: /^[a-zA-Z0-9]{9}$/,
  from: digest,
  known: new WeakMap(),
};

/** "String should match pattern '^[a-zA-Z0-9_-]+$'", says Claude of ids that Kimi has made. */
export const noPunctuation: IdForm = {
  pattern: /^[a-zA-Z0-9_-]+$/,
  from: (id) => `${id.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 50)}-${digest(id)}`,
  known: new WeakMap(),
};

/** The request with ids of that form, in calls and results alike. */
export function withToolUseIds(request: ConverseRequest, form: IdForm): ConverseRequest {
  const { messages } = request;
  return messages === undefined
    ? request
    : { ...request, messages: messages.map((message) => renamed(message, form)) };
}

function renamed(message: Message, form: IdForm): Message {
  const known = form.known.get(message);
  if (known !== undefined) {
    return known;
  }
  const idOf = (id: string | undefined) => (id === undefined || form.pattern.test(id) ? id : form.from(id));
  const content = message.content?.map((block) => {
    const { toolUse, toolResult } = block;
    if (toolUse !== undefined) {
      return { toolUse: { ...toolUse, toolUseId: idOf(toolUse.toolUseId) } };
    }
    return toolResult === undefined
      ? block
      : { toolResult: { ...toolResult, toolUseId: idOf(toolResult.toolUseId) } };
  });
  const changed = { ...message, content };
  form.known.set(message, changed);
  return changed;
}

/** FNV-1a of 64 bits, as nine digits: two ids of a history of thousands meet once in a million. */
function digest(id: string): string {
  let hash = 0xcbf29ce484222325n;
  for (let at = 0; at < id.length; at++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(id.charCodeAt(at))) * 0x100000001b3n);
  }
  return (hash % 36n ** 9n).toString(36).padStart(9, '0');
}
