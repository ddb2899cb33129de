import { TaskExecutionError } from '../../errors.js';
import type { TokenUsage } from '../../types.js';
import { binaryOf, describeThrown, toJson } from '../../values.js';

/** A call of a tool, as a function for chats tells it. */
export interface ChatCall {
  id: string | undefined;
  name: string;
  /** JSON text, as the model wrote it or as it is written here. */
  input: string;
}

/** A piece of reasoning, as the stream has it. */
export type ReasoningDelta = { text: string } | { signature: string } | { redactedContent: Uint8Array };

/** What the function's result says. */
export interface ChatResult {
  text: string;
  calls: ChatCall[];
  reasoning: ReasoningDelta[][];
  stopReason: string | undefined;
  /** Absent where it was not reported. */
  usage: TokenUsage | undefined;
}

type Fields = Record<string, unknown>;

/** What the value is, in a few words. Never throws. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint')
    return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    if (Array.isArray(value)) return 'an array';
    const names = Object.keys(value).slice(0, 8);
    return names.length === 0 ? 'an object without fields' : `an object with ${names.join(', ')}`;
  } catch {
    // a proxy that throws has nothing to show
    return 'an object that cannot be read';
  }
}

function unreadable(what: string): TaskExecutionError {
  return new TaskExecutionError('HOST_CALLBACK', `streamChatResponse ${what}`);
}

/** Getters and proxies may throw: that is the function's fault too. */
function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (TaskExecutionError.is(thrown)) throw thrown;
    throw unreadable(`${what}, and reading that threw: ${describeThrown(thrown).message}.`);
  }
}

/**
 * The text of what `onChunk` was called with; empty for objects that have none, a stream's other events for example.
 *
 * @throws TaskExecutionError HOST_CALLBACK where it is neither a string nor an object
 */
export function textOfChunk(chunk: unknown): string {
  return reading('called onChunk with something', () => {
    if (typeof chunk === 'string') return chunk;
    if (chunk === undefined || chunk === null) return '';
    if (typeof chunk !== 'object' || Array.isArray(chunk)) {
      throw unreadable(
        `called onChunk with ${describe(chunk)}: a string, or an object with text, is needed.`,
      );
    }
    const { text, content, delta, contentBlockDelta } = chunk as Fields;
    const inner = (contentBlockDelta as Fields | undefined)?.delta ?? delta;
    const found = [text, content, inner, (inner as Fields | null | undefined)?.text];
    return found.find((piece) => typeof piece === 'string') ?? '';
  }) as string;
}

/**
 * What `onToolCall` was called with, copied.
 *
 * @throws TaskExecutionError HOST_CALLBACK where it is no call
 */
export function callOf(call: unknown): ChatCall {
  return reading('called onToolCall with something', () => callIn(call, 'called onToolCall with'));
}

function callIn(given: unknown, did: string): ChatCall {
  const call = isObject(given) && isObject(given.toolUse) ? given.toolUse : given;
  if (!isObject(call)) throw unreadable(`${did} ${describe(call)}: { id, name, input } is needed.`);
  const name = call.name ?? call.toolName;
  if (typeof name !== 'string')
    throw unreadable(`${did} ${describe(call)}: a call needs the name of its tool.`);
  const id = call.id ?? call.toolUseId ?? call.toolCallId;
  if (id !== undefined && id !== null && typeof id !== 'string')
    throw unreadable(`${did} a call of ${name} whose id is ${describe(id)}.`);
  return {
    id: id ?? undefined,
    name,
    input: inputOf(call.input ?? call.arguments ?? call.args, `${did} a call of ${name}`),
  };
}

/** Adds a call. Of two with one id the whole one counts: a stream tells a call at its start too, without its input. */
export function withCall(calls: ChatCall[], call: ChatCall): void {
  const at = call.id === undefined ? -1 : calls.findIndex(({ id }) => id === call.id);
  const known = calls[at];
  if (known === undefined) calls.push(call);
  else if (wholenessOf(call.input) >= wholenessOf(known.input)) calls[at] = call;
}

/** Nothing is less whole than a piece of JSON, and that less than an object. */
export function wholenessOf(input: string): number {
  try {
    return Object.keys(Object(JSON.parse(input))).length === 0 ? 0 : 2;
  } catch {
    return input.trim() === '' ? 0 : 1;
  }
}

/** A text is JSON that the model wrote; whether it is an object is for the engine to tell the model. */
function inputOf(input: unknown, did: string): string {
  if (typeof input === 'string') return input;
  const written = toJson(input ?? {});
  if (!written.ok) throw unreadable(`${did} whose input has no JSON form: ${written.reason}.`);
  return written.json ?? '{}';
}

const known = ['text', 'content', 'toolCalls', 'stopReason', 'stop_reason', 'usage'];

/**
 * What the function returned.
 *
 * @throws TaskExecutionError HOST_CALLBACK naming what came, where it is none of the shapes
 */
export function resultOf(result: unknown): ChatResult {
  return reading('returned something', () => read(result));
}

function read(result: unknown): ChatResult {
  const said: ChatResult = { text: '', calls: [], reasoning: [], stopReason: undefined, usage: undefined };
  if (result === undefined) return said;
  if (typeof result === 'string') return { ...said, text: result };
  if (!isObject(result) || !known.some((name) => name in result)) {
    throw unreadable(
      `returned ${describe(result)}: nothing, a text, { content } or { text, toolCalls, stopReason, usage } is needed.`,
    );
  }
  const { text, content, toolCalls, usage } = result;
  if (Array.isArray(content)) for (const block of content) addBlock(said, block);
  else if (absent(text)) said.text = textIn(content, 'content');
  if (!absent(text)) said.text = textIn(text, 'text');
  if (!absent(toolCalls)) {
    if (!Array.isArray(toolCalls))
      throw unreadable(`returned as toolCalls ${describe(toolCalls)}: a list is needed.`);
    // What is both in the blocks and in the list is one call.
    for (const call of toolCalls) withCall(said.calls, callIn(call, 'returned among toolCalls'));
  }
  said.stopReason = stopReasonOf(result.stopReason ?? result.stop_reason);
  said.usage = isObject(usage) ? usageOf(usage) : undefined;
  return said;
}

function textIn(value: unknown, name: string): string {
  if (absent(value)) return '';
  if (typeof value === 'string') return value;
  throw unreadable(
    `returned as ${name} ${describe(value)}: a text${name === 'content' ? ' or a list of blocks' : ''} is needed.`,
  );
}

/** Blocks as Anthropic and as Bedrock write them. Kinds that neither text, call nor reasoning are left out. */
function addBlock(said: ChatResult, block: unknown): void {
  if (typeof block === 'string') {
    said.text += block;
    return;
  }
  if (!isObject(block)) throw unreadable(`returned among its content ${describe(block)}: a block is needed.`);
  const { type, text, toolUse, reasoningContent: reasoning } = block;
  if (typeof text === 'string') said.text += text;
  else if (type === 'tool_use' || isObject(toolUse))
    said.calls.push(callIn(block, 'returned among its content'));
  else if (type === 'thinking') said.reasoning.push(signed(block.thinking, block.signature));
  else if (type === 'redacted_thinking' && typeof block.data === 'string')
    said.reasoning.push([{ redactedContent: bytesOf(block.data) }]);
  else if (isObject(reasoning) && isObject(reasoning.reasoningText))
    said.reasoning.push(signed(reasoning.reasoningText.text, reasoning.reasoningText.signature));
  else if (isObject(reasoning)) {
    const redactedContent = binaryOf(reasoning.redactedContent);
    if (redactedContent !== undefined) said.reasoning.push([{ redactedContent }]);
  }
}

function signed(text: unknown, signature: unknown): ReasoningDelta[] {
  return [
    ...(typeof text === 'string' ? [{ text }] : []),
    ...(typeof signature === 'string' ? [{ signature }] : []),
  ];
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Anthropic's word for what Bedrock calls a content filter. */
function stopReasonOf(reason: unknown): string | undefined {
  if (absent(reason)) return undefined;
  if (typeof reason !== 'string')
    throw unreadable(`returned as stop reason ${describe(reason)}: a text is needed.`);
  return reason === 'refusal' ? 'content_filtered' : reason;
}

/** Tokens as Bedrock or Anthropic counts them; absent where input or output is no number. */
function usageOf(usage: Fields): TokenUsage | undefined {
  const count = (...names: string[]) =>
    names.map((name) => usage[name]).find((value): value is number => Number.isFinite(value));
  const inputTokens = count('inputTokens', 'input_tokens');
  const outputTokens = count('outputTokens', 'output_tokens');
  if (inputTokens === undefined || outputTokens === undefined) return undefined;
  const cacheReadInputTokens = count('cacheReadInputTokens', 'cache_read_input_tokens') ?? 0;
  const cacheWriteInputTokens = count('cacheWriteInputTokens', 'cache_creation_input_tokens') ?? 0;
  const sum = inputTokens + outputTokens + cacheReadInputTokens + cacheWriteInputTokens;
  const totalTokens = count('totalTokens') ?? sum;
  return { inputTokens, outputTokens, totalTokens, cacheReadInputTokens, cacheWriteInputTokens };
}

function absent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
