import type { ToolCall, ToolResultContentBlock, Usage } from '../types.js';

const longest = 72;

/** A call in a few words: `check_links (3 files)`. */
export function describeCall({ name, input }: ToolCall): string {
  const fields = describeFields(input);
  return fields === '' ? name : `${name} (${cut(fields)})`;
}

/** A result in a few words: `check_links: 9 checked, 2 broken`. */
export function describeResult(name: string, content: ToolResultContentBlock[]): string {
  const parts = content.map((block) =>
    block.json !== undefined ? describeFields(block.json) : (block.text ?? 'something that cannot be shown'),
  );
  return `${name}: ${cut(parts.join(' '))}`;
}

export function describeUsage({ inputTokens, outputTokens }: Usage): string {
  return `${number(inputTokens)} tokens in, ${number(outputTokens)} out`;
}

function describeFields(value: unknown): string {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return JSON.stringify(value);
  return Object.entries(value).map(describeField).join(', ');
}

function describeField([name, value]: [string, unknown]): string {
  if (Array.isArray(value)) return describeField([name, value.length]);
  if (typeof value === 'number') return `${number(value)} ${value === 1 ? name.replace(/s$/, '') : name}`;
  if (typeof value === 'boolean') return value ? name : `not ${name}`;
  if (typeof value !== 'string') return `${name} ${JSON.stringify(value)}`;
  return value.length > 40 || value.includes('\n')
    ? `${name} of ${number(value.length)} characters`
    : `${name} ${value}`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function cut(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > longest ? `${line.slice(0, longest - 1)}…` : line;
}
