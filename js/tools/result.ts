import { asContent, isContent, resultJson } from '../content.js';
import type { Tool } from '../types.js';
import { utf8Length } from '../values.js';

/** What a tool's value becomes before it enters the engine. */
export interface WrittenResult {
  /** JSON text; absent where there is nothing. */
  json?: string;
  /** UTF-8 bytes that were left out of it. */
  cutBytes?: number;
}

const defaultResultBytes = 100_000;
/** Less would not hold the mark. */
export const leastResultBytes = 200;

/**
 * What the model is to get of a value: cut where it is longer than the tool allows.
 *
 * @throws TypeError with what cannot be stored of it
 */
export function writtenResult(
  value: unknown,
  { maxResultBytes = defaultResultBytes }: Pick<Tool, 'maxResultBytes'>,
  storeBytes: number,
  what: string,
): WrittenResult {
  const written = resultJson(value, storeBytes);
  const shown = written.ok ? value : asContent(value);
  if (shown !== value) return writtenResult(shown, { maxResultBytes }, storeBytes, what);
  if (!written.ok) throw new TypeError(`${what} cannot be stored: ${written.reason}`);
  const { json } = written;
  if (json === undefined) return {};
  // As JSON no text is shorter than it is.
  if (isContent(value) || utf8Length(json) <= maxResultBytes) return { json };
  const text: string = json.startsWith('"') ? JSON.parse(json) : json;
  const bytes = utf8Length(text);
  return bytes <= maxResultBytes ? { json } : middleLeftOut(text, bytes, maxResultBytes);
}

/** Head and tail, 3 to 2: what a text is about stands mostly in front. */
function middleLeftOut(text: string, bytes: number, most: number): WrittenResult {
  const mark = (left: number) => `\n[… ${left} of ${bytes} bytes are left out here …]\n`;
  const room = most - utf8Length(mark(bytes));
  const head = text.slice(0, unitsIn(text, Math.floor(room * 0.6), 1));
  const tail = text.slice(text.length - unitsIn(text, room - utf8Length(head), -1));
  const cutBytes = bytes - utf8Length(head) - utf8Length(tail);
  return { json: JSON.stringify(head + mark(cutBytes) + tail), cutBytes };
}

/** How many UTF-16 units from the front, or from the back, fit into so many bytes, without half a character. */
function unitsIn(text: string, bytes: number, direction: 1 | -1): number {
  let [units, used] = [0, 0];
  while (units < text.length) {
    const at = direction === 1 ? units : text.length - 1 - units;
    const unit = text.charCodeAt(at);
    const isHalf = (unit & 0xf800) === 0xd800;
    const length = isHalf ? 4 : unit > 0x7ff ? 3 : unit > 0x7f ? 2 : 1;
    if (used + length > bytes) break;
    used += length;
    units += isHalf ? 2 : 1;
  }
  return units;
}
