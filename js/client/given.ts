import { TaskExecutionError } from '../errors.js';
import type { HeadersLike } from './client.js';

/** Headers as they are sent: platforms refuse what is beyond Latin-1. @throws TaskExecutionError INVALID_ARGUMENT */
export function headersOf(argument: string, given: HeadersLike | undefined): Record<string, string> {
  try {
    return Object.fromEntries(new Headers(given));
  } catch (cause) {
    throw refused(argument, `${argument} cannot be sent: ${saidBy(cause)}`, cause);
  }
}

/** The body as it is sent. @throws TaskExecutionError INVALID_ARGUMENT */
export function bodyOf(body: unknown): string {
  let what = 'body';
  try {
    return JSON.stringify(body, function (this: Record<string, unknown>, name, value) {
      const lost = lostIn(value, this[name]);
      if (lost === undefined) return value;
      what = name || what;
      throw new TypeError(`"${what}" has no JSON form (${lost})`);
    });
  } catch (cause) {
    throw refused(what, `This cannot be sent: ${saidBy(cause)}`, cause);
  }
}

/** Whether a request can be sent there from here: paths belong to a page. */
export function isAddress(url: string): boolean {
  try {
    return Boolean(new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href));
  } catch {
    return false;
  }
}

export function refused(argument: string, message: string, cause: unknown): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `${message}.`, { cause, details: { argument } });
}

function saidBy(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'reading it threw';
}

const plain = /^(Object|Array|Arguments|String|Number|Boolean|Null|Undefined)$/;

/**
 * What JSON would leave out, or make null or `{}` of, without a word; the engine refuses most of it. Its own writer is almost
 * as large as the whole client.
 */
function lostIn(value: unknown, given: unknown): string | undefined {
  if (value === null) return given instanceof Date ? String(given) : undefined;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag === 'Number') return Number.isFinite(Number(value)) ? undefined : String(value);
  if (plain.test(tag)) return undefined;
  const isBare = Object.keys(value as object).length === 0;
  return isBare || typeof value === 'function' || tag === 'Error' || ArrayBuffer.isView(value)
    ? tag
    : undefined;
}
