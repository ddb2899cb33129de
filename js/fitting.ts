import type { ContentBlock, Message } from './types.js';

/** A kind of block that a model has refused. */
export interface Refusal {
  /** Absent where nobody knows which model it was. */
  model?: string | undefined;
  block: string;
}

/** Wrote reasoning that no model takes back. */
export const nobody = '';

/**
 * The message as a model takes it. Reasoning goes back to the model that wrote it, and to no other: whose that is unknown
 * counts as the present one's. Claude takes none that it has not signed, DeepSeek none at all. Blocks of a kind that the
 * model has refused are named instead.
 */
export function fitted(
  message: Message,
  author: string | undefined,
  reader: string | undefined,
  refused: readonly Refusal[],
): Message {
  const kinds = refused.filter(({ model }) => model === reader).map(({ block }) => block);
  const isFit = (block: ContentBlock) => fits(block, author, reader, kinds);
  const content = message.content ?? [];
  if (content.every(isFit)) return message;
  const fit = content.flatMap((block) => (isFit(block) ? [block] : (inPlaceOf(block, kinds) ?? [])));
  return {
    ...message,
    content: fit.length > 0 ? fit : [{ text: '(Nothing of this message can be shown to you.)' }],
  };
}

function fits(
  block: ContentBlock,
  author: string | undefined,
  reader: string | undefined,
  kinds: readonly string[],
): boolean {
  const { reasoningContent, toolResult } = block;
  if (reasoningContent !== undefined) {
    if (author === nobody) return false;
    if (author !== undefined && reader !== undefined && !isSame(author, reader)) return false;
    if (/deepseek/i.test(reader ?? '')) return false;
    const { reasoningText } = reasoningContent;
    return !/claude/i.test(reader ?? '') || reasoningText === undefined || Boolean(reasoningText.signature);
  }
  const parts: object[] = toolResult === undefined ? [block] : (toolResult.content ?? []);
  return !parts.some((part) => kinds.some((kind) => kind in part));
}

/** A profile of a region, or an ARN, is the same model. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [a, b].map((id) =>
    id
      .toLowerCase()
      .replace(/^.*\//, '')
      // `us.`, `us-gov.`, `global.`: what stands in front of the provider's name, and that too before a version with a dot.
      .replace(/^(?:[a-z]+(?:-[a-z]+)?\.(?=[a-z\d-]+\.))+/, ''),
  );
  return left === right;
}

function inPlaceOf(block: ContentBlock, kinds: readonly string[]): ContentBlock | undefined {
  const { toolResult, reasoningContent } = block;
  if (reasoningContent !== undefined) return undefined;
  const named = (part: object) => kinds.find((kind) => kind in part);
  const told = <Part extends object>(part: Part) => {
    const kind = named(part);
    return kind === undefined
      ? part
      : { text: `[A block of type ${kind} is left out here: you do not take such blocks.]` };
  };
  if (toolResult === undefined) return told(block) as ContentBlock;
  return { toolResult: { ...toolResult, content: (toolResult.content ?? []).map(told) } } as ContentBlock;
}
