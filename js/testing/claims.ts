/** Assertions of the conformance cases, which run in any test runner. */
import { setTimeout } from '../platform.js';
import type { StoreErrorCode } from '../types.js';

/** Throws where something does not hold. */
export function claim(holds: boolean, what: string): asserts holds {
  if (!holds) {
    throw new Error(what);
  }
}

/** Throws where two JSON values differ. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [canonical(actual), canonical(expected)];
  claim(a === b, `${what}: expected ${b?.slice(0, 400)}, got ${a?.slice(0, 400)}`);
}

/** JSON with sorted keys: the order of fields is no part of the contract. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_, v: unknown) =>
    v !== null && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}

/** Throws unless the work fails with one of the codes. */
export async function fails(work: Promise<unknown>, codes: StoreErrorCode[], what: string): Promise<void> {
  let code: unknown;
  try {
    await work;
  } catch (error) {
    code = (error as { code?: unknown })?.code;
    claim(codes.includes(code as StoreErrorCode), `${what}: expected ${codes.join(' or ')}, got ${error}`);
    claim(typeof (error as { message?: unknown }).message === 'string', `${what}: the error has no message`);
    return;
  }
  throw new Error(`${what}: expected ${codes.join(' or ')}, but it succeeded`);
}

/** Whether the work succeeded; throws where it failed otherwise than as `invalid`. */
export async function attempt(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    same((error as { code?: unknown }).code, 'invalid', 'a refusal');
    return false;
  }
}

/** So many milliseconds. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Looks every 10 ms, for 5 s at most. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    claim(waited < 5_000, `${what} heard nothing for 5 s`);
    await wait(10);
  }
}
