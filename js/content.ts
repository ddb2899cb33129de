import { TaskExecutionError } from './errors.js';
import type { ToolContent, ToolResultContentBlock } from './types.js';
import { binaryOf, type JsonResult, toJson, wellFormed } from './values.js';

/** Shared by all copies of the package in a process. */
const brand = Symbol.for('task-execution-engine/content');

const imageFormats = ['gif', 'jpeg', 'png', 'webp'];
const documentFormats = ['csv', 'doc', 'docx', 'html', 'md', 'pdf', 'txt', 'xls', 'xlsx'];
/** Bedrock, DocumentBlock: letters, digits, white space, hyphens, parentheses and square brackets. */
const documentName = /^(?! )(?!.* {2})[A-Za-z0-9 \-()[\]]{1,200}$/;

/**
 * Content for the model beyond text and JSON: what `execute` returns, `answer()` gives and `send()` takes, to show an image
 * or a document. Bytes may be an ArrayBuffer or any view of one; they are stored with the task, so that the store's limits
 * apply, and are never cut. Whether a model takes images or documents is the model's: one that does not is told that
 * something was left out.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT, naming the block and what is wrong with it
 */
export function content(...blocks: ToolResultContentBlock[]): ToolContent {
  if (blocks.length === 0) refuse('needs at least one block');
  const checked = blocks.map((block, i) => checkedBlock(block, `block ${i + 1}`));
  return Object.defineProperty({ $content: checked }, brand, { value: true }) as ToolContent;
}

/** An image, document or video block that somebody returned as it is, or a list of such blocks, as content; else the value. */
export function asContent(value: unknown): unknown {
  const blocks = Array.isArray(value) ? value : [value];
  const isShown = (block: unknown) => {
    const [kind, ...others] = block !== null && typeof block === 'object' ? Object.keys(block) : [];
    return others.length === 0 && ['image', 'document', 'video'].includes(kind ?? '');
  };
  return blocks.some(isShown) ? content(...blocks) : value;
}

/** Whether it was made by `content()`, by whichever copy of the package. */
export function isContent(value: unknown): value is ToolContent {
  try {
    return value !== null && typeof value === 'object' && Reflect.get(value, brand) === true;
  } catch {
    // A proxy that throws is none of ours.
    return false;
  }
}

function refuse(what: string): never {
  throw new TaskExecutionError('INVALID_ARGUMENT', `content(): ${what}.`);
}

function checkedBlock(block: unknown, at: string): ToolResultContentBlock {
  if (block === null || typeof block !== 'object') refuse(`${at} must be an object such as { text: '…' }`);
  const members = Object.entries(block).filter(([, value]) => value !== undefined);
  const [kind, value] = members[0] ?? [];
  if (members.length !== 1)
    refuse(`${at} must have exactly one member: text, json, image, document, video or searchResult`);
  switch (kind) {
    case 'text':
      if (typeof value !== 'string' || value.trim() === '') refuse(`the text of ${at} is blank or no string`);
      return { text: value };
    case 'json':
      if (value === null || typeof value !== 'object' || Array.isArray(value))
        refuse(`the json of ${at} must be an object`);
      return { json: value };
    case 'image':
      return {
        image: { ...withFormat(value, imageFormats, at), source: sourceOf(value, at) },
      } as ToolResultContentBlock;
    case 'document': {
      const document = withFormat(value, documentFormats, at);
      if (typeof document.name !== 'string' || !documentName.test(document.name)) {
        refuse(
          `the document of ${at} needs a name of letters, digits, single spaces, hyphens, parentheses and brackets`,
        );
      }
      return { document: { ...document, source: sourceOf(value, at) } } as ToolResultContentBlock;
    }
    case 'video':
      return { video: { ...Object(value), source: sourceOf(value, at) } };
    case 'searchResult':
      return { searchResult: value };
    default:
      return refuse(
        `${at} has a member '${String(kind)}', which is none of text, json, image, document, video, searchResult`,
      );
  }
}

function withFormat(value: unknown, formats: string[], at: string): Record<string, unknown> {
  const described = Object(value) as Record<string, unknown>;
  if (!formats.includes(described.format as string))
    refuse(`the format of ${at} must be one of ${formats.join(', ')}`);
  return described;
}

/** The source, with bytes as their own copy: whoever gave them may go on writing to them. */
function sourceOf(value: unknown, at: string): unknown {
  const source = (Object(value) as { source?: { bytes?: unknown } }).source;
  if (source === null || typeof source !== 'object')
    refuse(`${at} needs a source: { bytes } or { s3Location }`);
  if (source.bytes === undefined) return source;
  const bytes = binaryOf(source.bytes);
  if (bytes === undefined || bytes.length === 0)
    refuse(`the bytes of ${at} must be a Uint8Array or an ArrayBuffer that is not empty`);
  return { bytes: bytes.slice() };
}

/** A result as the engine takes it. What only looks like content is told as text. */
export function resultJson(value: unknown, maxLength?: number): JsonResult {
  const bytes = isContent(value);
  const written = toJson(value, { bytes, ...(maxLength !== undefined && { maxLength }) });
  if (bytes || !written.ok || !written.json?.startsWith('{"$content":')) return written;
  const isLookalike = Object.keys(JSON.parse(written.json)).length === 1;
  return isLookalike ? { ok: true, json: JSON.stringify(written.json) } : written;
}

/** Content as a user's message: the blocks, and the text that stands for them in the thread. */
export function messageOf({ $content }: ToolContent): { text: string; content: unknown[] } {
  // A message has no block of JSON.
  const blocks = $content.map((block) =>
    block.json === undefined ? block : { text: JSON.stringify(block.json) },
  );
  const text = blocks.map((block) => block.text ?? `[${Object.keys(block)[0]}]`).join('\n');
  // Bedrock, ContentBlock: where a message has a document, it has to have a text too.
  const isSaid = blocks.some((block) => block.text !== undefined);
  const written = toJson(isSaid ? blocks : [{ text }, ...blocks], { bytes: true });
  if (!written.ok) refuse(`cannot be sent: ${written.reason}`);
  return { text: wellFormed(text), content: JSON.parse(written.json ?? '[]') };
}
