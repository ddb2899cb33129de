import { TextDecoder } from '../../platform.js';
import type { ContentBlock, Message, ToolConfiguration, ToolResultContentBlock } from '../../types.js';
import { toBase64 } from '../../values.js';

/** A message or a tool in the words of Anthropic's Messages API. */
type Anthropic = Record<string, unknown>;

/** A message never changes, so that each is converted once, however often it is sent. */
const converted = new WeakMap<Message, Anthropic>();

/**
 * Messages in Anthropic's words. What those cannot say (videos, S3 locations, kinds that nobody knows) becomes a text
 * that names it; cache points are left out.
 */
export function anthropicMessages(messages: Message[]): Anthropic[] {
  return messages.map((message) => {
    const known = converted.get(message);
    if (known !== undefined) return known;
    const { role, content = [] } = message;
    const made = { role, content: content.flatMap(blockOf) };
    converted.set(message, made);
    return made;
  });
}

/** Tools in Anthropic's words. */
export function anthropicTools(toolConfig: ToolConfiguration | undefined): Anthropic[] {
  return (toolConfig?.tools ?? []).flatMap(({ toolSpec }) =>
    toolSpec === undefined
      ? []
      : { name: toolSpec.name, description: toolSpec.description, input_schema: toolSpec.inputSchema?.json },
  );
}

function blockOf(block: ContentBlock): Anthropic[] {
  const { toolUse, toolResult, reasoningContent: reasoning } = block;
  if (block.cachePoint !== undefined) return [];
  if (toolUse !== undefined) {
    return [{ type: 'tool_use', id: idOf(toolUse.toolUseId), name: toolUse.name, input: toolUse.input }];
  }
  if (toolResult !== undefined) {
    const content = (toolResult.content ?? []).map(resultPart);
    const failed = toolResult.status === 'error' ? { is_error: true } : {};
    return [{ type: 'tool_result', tool_use_id: idOf(toolResult.toolUseId), content, ...failed }];
  }
  if (reasoning?.reasoningText !== undefined) {
    const { text = '', signature = '' } = reasoning.reasoningText;
    return [{ type: 'thinking', thinking: text, signature }];
  }
  if (reasoning?.redactedContent !== undefined) {
    return [{ type: 'redacted_thinking', data: toBase64(reasoning.redactedContent) }];
  }
  return [part(block)];
}

function resultPart(content: ToolResultContentBlock): Anthropic {
  return content.json === undefined ? part(content) : { type: 'text', text: JSON.stringify(content.json) };
}

function part(content: ContentBlock | ToolResultContentBlock): Anthropic {
  const { text, image, document } = content as { text?: string } & Pick<ContentBlock, 'image' | 'document'>;
  if (text !== undefined) return { type: 'text', text };
  if (image?.source?.bytes !== undefined) {
    return { type: 'image', source: base64(`image/${image.format}`, image.source.bytes) };
  }
  const { bytes, text: words } = document?.source ?? {};
  if (bytes !== undefined && document?.format === 'pdf') {
    return { type: 'document', title: document.name, source: base64('application/pdf', bytes) };
  }
  const plain = words ?? (bytes !== undefined && isText(document?.format) ? decoded(bytes) : undefined);
  if (plain !== undefined) {
    const source = { type: 'text', media_type: 'text/plain', data: plain };
    return { type: 'document', title: document?.name, source };
  }
  const kind = Object.keys(content)[0] ?? 'block';
  return { type: 'text', text: `(There was a part of the kind ${kind}, which cannot be shown here.)` };
}

function base64(media_type: string, bytes: Uint8Array): Anthropic {
  return { type: 'base64', media_type, data: toBase64(bytes) };
}

function isText(format: string | undefined): boolean {
  return format === 'txt' || format === 'md' || format === 'csv' || format === 'html';
}

function decoded(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Anthropic allows fewer characters than Bedrock. What differs here differs there. */
function idOf(id: string | undefined): string {
  return (id ?? '').replace(/[.:]/g, (character) => (character === '.' ? '_2e' : '_3a'));
}
