/** Tokens on their way into a header, and nowhere else. */
import { TaskExecutionError } from '../../errors.js';
import { StoreError } from '../documents.js';

/** A token, or who knows it just now. */
export type TokenSource = string | (() => string | Promise<string>) | undefined;

/** What the emulator takes for somebody who may do everything. */
const owner = 'owner';

/** What tokens of Google look like, where it is not known which they are. */
const anyToken =
  /\bBearer\s+\S+|\bya29\.[\w.~+/-]+|\beyJ[\w-]+\.[\w.-]+|\b1\/\/[\w-]{20,}|(?<=\b(?:access|refresh|id)_token["']?\s*[:=]\s*["']?)[^\s"'&,}]+/gi;

const deepestCause = 5;

/** @throws TaskExecutionError INVALID_ARGUMENT, without quoting it */
export function checkToken(token: unknown): void {
  if (token === undefined || token === null || typeof token === 'function') return;
  const why = objection(token);
  if (why !== undefined) {
    throw new TaskExecutionError('INVALID_ARGUMENT', `firestoreRestStore: token ${why}`);
  }
}

/**
 * The token of one call; undefined where there is none.
 *
 * @throws StoreError `unavailable` where it cannot be had, `denied` where no header takes it; what an error of the
 * package says is passed on
 */
export async function tokenOf(source: TokenSource, emulator: boolean): Promise<string | undefined> {
  let token: unknown;
  try {
    token = typeof source === 'function' ? await source() : source;
  } catch (cause) {
    if (TaskExecutionError.is(cause)) throw cause;
    throw new StoreError('unavailable', redacted(`Firestore: token() failed: ${reasonOf(cause)}`), {
      cause: plain(cause),
    });
  }
  if (token === undefined || token === null) return emulator ? owner : undefined;
  const why = objection(token);
  if (why !== undefined) throw new StoreError('denied', `Firestore: what token() returned ${why}`);
  return token as string;
}

function objection(token: unknown): string | undefined {
  if (typeof token !== 'string') return `must be a string, not ${typeof token}.`;
  if (/^[\x21-\x7e]+$/.test(token)) return undefined;
  return "is no value that a header takes: it must be the token alone, without 'Bearer', line breaks, spaces or other characters.";
}

/** A failure of a call without the token that was sent with it, which fetch, a proxy or a server may have quoted. */
export function withoutToken(error: unknown, token: string | undefined): unknown {
  if (!(error instanceof StoreError)) return error;
  const { cause } = error;
  const options = cause === undefined ? undefined : { cause: plain(cause, token) };
  return new StoreError(error.code, redacted(error.message, token), options);
}

/** A text without the token, and without what looks like one. */
export function redacted(text: string, token?: string): string {
  const known = token === undefined || token === owner ? text : text.replaceAll(token, '[token]');
  return known.replace(anyToken, '[token]');
}

/** An exception without what hangs on it: clients of HTTP attach the whole request, header included. */
function plain(cause: unknown, token?: string, depth = 0): Error {
  const error = new Error(redacted(cause instanceof Error ? cause.message : String(cause), token));
  if (!(cause instanceof Error)) return error;
  error.name = cause.name;
  const code: unknown = Reflect.get(cause, 'code');
  if (typeof code === 'string' || typeof code === 'number') Object.assign(error, { code });
  if (cause.cause !== undefined && depth < deepestCause) {
    Object.defineProperty(error, 'cause', {
      value: plain(cause.cause, token, depth + 1),
      configurable: true,
    });
  }
  return error;
}

/** `fetch failed` says nothing: the cause does. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const { cause } = error;
  return cause instanceof Error
    ? `${error.message}: ${cause.message || String(Reflect.get(cause, 'code'))}`
    : error.message;
}
