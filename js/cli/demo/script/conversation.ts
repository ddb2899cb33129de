import type { ConverseRequest, ToolResultBlock } from '../../../types.js';

/** A tool call of the conversation with its result. */
export interface Call {
  name: string;
  input: Record<string, any>;
  outcome: 'done' | 'failed' | 'unknown';
  /** What the tool returned; an empty object where it failed. */
  value: Record<string, any>;
  /** Why it failed. */
  text: string;
}

/** Where the conversation stands, read from the request alone: a new process knows as much as the one before. */
export interface Conversation {
  item: { name: string; description: string } | undefined;
  /** Since the item was stated, in the order in which they were made. */
  calls: Call[];
  /** Of the whole conversation, in that order. */
  allCalls: Call[];
}

/** The user turn that states an item. */
export function statementOf(item: { name: string; description: string }): string {
  return `Item: ${item.name}\n\n${item.description}`;
}

export function readConversation({ messages = [] }: ConverseRequest): Conversation {
  const byId = new Map<string, Call>();
  const allCalls: Call[] = [];
  let calls: Call[] = [];
  let item: Conversation['item'];
  for (const { content = [] } of messages) {
    for (const block of content) {
      if (block.toolUse) {
        const { toolUseId = '', name = '', input } = block.toolUse;
        const call: Call = { name, input: asObject(input), outcome: 'unknown', value: {}, text: '' };
        byId.set(toolUseId, call);
        calls.push(call);
        allCalls.push(call);
      } else if (block.toolResult) {
        const call = byId.get(block.toolResult.toolUseId ?? '');
        if (call) Object.assign(call, readResult(block.toolResult));
      } else if (block.text?.startsWith('Item: ')) {
        const [first = '', ...rest] = block.text.split('\n');
        item = { name: first.slice('Item: '.length), description: rest.join('\n').trim() };
        calls = [];
      }
    }
  }
  return { item, calls, allCalls };
}

function readResult({ status, content = [] }: ToolResultBlock): Omit<Call, 'name' | 'input'> {
  const text = content.map((block) => block.text ?? '').join(' ');
  if (status !== 'error') {
    return {
      outcome: 'done',
      value: asObject(content.find((block) => block.json !== undefined)?.json),
      text,
    };
  }
  const unknown = /\bunknown\b|\bnot known\b/i.test(text) && /\boutcome\b/i.test(text);
  return { outcome: unknown ? 'unknown' : 'failed', value: {}, text };
}

function asObject(value: unknown): Record<string, any> {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}
