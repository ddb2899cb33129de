/** What Firestore answers when it fails, as the codes of the store contract. */
import type { StoreErrorCode } from '../../types.js';
import { StoreError } from '../documents.js';

/** The names of gRPC's status codes, by number: the SDK has numbers, REST has names. */
const names = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

const codes: Record<string, StoreErrorCode> = {
  INVALID_ARGUMENT: 'invalid',
  OUT_OF_RANGE: 'invalid',
  UNIMPLEMENTED: 'invalid',
  NOT_FOUND: 'not_found',
  ALREADY_EXISTS: 'exists',
  PERMISSION_DENIED: 'denied',
  UNAUTHENTICATED: 'denied',
  FAILED_PRECONDITION: 'conflict',
};

/** Sizes are refused as INVALID_ARGUMENT (a value, a document) or RESOURCE_EXHAUSTED (a request). */
const tooLarge =
  /maximum entity size|longer than \d+ bytes|exceeds (the )?maximum (allowed )?size|larger than max|too (big|large)/i;

/** With `preferRest`, the SDK makes INVALID_ARGUMENT of every HTTP 400: of a lost race too. */
const lostRace = /does not match the required base version/i;

/** What google-auth-library says where there is nobody to ask as. It has no status. */
const noCredentials = /could not load the default credentials/i;

/** A whole database that is not there, which trying again does not mend. */
const noDatabase = /database .*does not exist|project .*(does not exist|not found)/i;

const advice: Partial<Record<StoreErrorCode, string>> = {
  denied: 'Check the credentials or the token, and the security rules.',
  unavailable: 'It is worth another try.',
};

/**
 * The failure that a status stands for. Whatever is not known to be permanent counts as `unavailable`: then it is tried
 * again, and the outcome of a commit is looked up before.
 *
 * @param what the call, for the message: `commit`, `read`, `list`
 */
export function storeError(
  what: string,
  status: string | number | undefined,
  message: string,
  cause?: unknown,
): StoreError {
  const name = (typeof status === 'number' ? names[status] : status) ?? 'UNKNOWN';
  const code = codeOf(name, message);
  const hint = hintOf(code, message);
  const text = `Firestore: the ${what} failed with ${name}: ${message.slice(0, 500)}`;
  return new StoreError(
    code,
    hint === undefined ? text : `${text.replace(/[.\s]*$/, '.')} ${hint}`,
    cause === undefined ? undefined : { cause },
  );
}

function hintOf(code: StoreErrorCode, message: string): string | undefined {
  // It says itself where to look.
  if (noCredentials.test(message)) return undefined;
  return noDatabase.test(message) ? 'Check projectId and databaseId.' : advice[code];
}

function codeOf(name: string, message: string): StoreErrorCode {
  if ((name === 'INVALID_ARGUMENT' || name === 'RESOURCE_EXHAUSTED') && tooLarge.test(message)) {
    return 'too_large';
  }
  if (name === 'INVALID_ARGUMENT' && lostRace.test(message)) {
    return 'conflict';
  }
  if ((name === 'NOT_FOUND' && noDatabase.test(message)) || noCredentials.test(message)) {
    return 'denied';
  }
  return codes[name] ?? 'unavailable';
}
