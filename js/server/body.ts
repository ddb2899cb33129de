import { TextDecoder } from '../platform.js';
import { Refusal } from './problem.js';

/**
 * The body of a request: a JSON object, or an empty one where there is no body.
 *
 * @throws Refusal 400, 413 or 415
 */
export async function bodyOf(request: Request, mostBytes: number): Promise<Record<string, unknown>> {
  const text = await textOf(request, mostBytes);
  if (text.trim() === '') return {};
  // Browsers send text/plain across sites without asking first.
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json' && !/^application\/[\w.-]+\+json$/.test(type)) {
    throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json.');
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'INVALID_ARGUMENT', 'The body is not JSON.');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Refusal(400, 'INVALID_ARGUMENT', 'The body must be a JSON object.');
  }
  return body as Record<string, unknown>;
}

/** Reads no more than it may, whatever the request says of its length. */
async function textOf(request: Request, mostBytes: number): Promise<string> {
  const tooLarge = () => new Refusal(413, 'TOO_LARGE', `The body is over ${mostBytes} bytes.`);
  if (Number(request.headers.get('content-length') ?? 0) > mostBytes) throw tooLarge();
  if (request.body === null) return '';
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const reader = request.body.getReader();
  let [text, bytes] = ['', 0];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      bytes += value.byteLength;
      if (bytes > mostBytes) throw tooLarge();
      text += decoder.decode(value, { stream: true });
    }
  } catch (thrown) {
    void reader.cancel().catch(() => {});
    if (thrown instanceof Refusal) throw thrown;
    throw new Refusal(400, 'INVALID_ARGUMENT', 'The body could not be read as UTF-8 text.');
  }
}

/** @throws Refusal 400 */
export function textField(body: Record<string, unknown>, name: string): string {
  const value = body[name];
  if (typeof value === 'string') return value;
  throw new Refusal(400, 'INVALID_ARGUMENT', `${name} must be a string.`);
}

/** Null counts as missing: serialisers of other languages write it. @throws Refusal 400 */
export function optionalTextField(body: Record<string, unknown>, name: string): string | undefined {
  return body[name] === undefined || body[name] === null ? undefined : textField(body, name);
}

/** A whole number of a query. @throws Refusal 400 */
export function countOf(
  query: URLSearchParams,
  name: string,
  fallback: number,
  most: number,
  least = 1,
): number {
  const text = query.get(name);
  if (text === null || text === '') return fallback;
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < least) {
    throw new Refusal(400, 'INVALID_ARGUMENT', `${name} must be a whole number from ${least} on.`);
  }
  return Math.min(count, most);
}
