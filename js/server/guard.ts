import { checkId } from '../ids.js';
import type { TaskRoutesOptions } from './options.js';
import { Refusal } from './problem.js';

/**
 * Refuses what another site's page can make a browser send with the user's cookies or Basic credentials: a request that
 * changes something needs a Bearer token, which browsers never add, or has to come from the same origin.
 *
 * @throws Refusal 403
 */
export function checkOrigin(request: Request, { origins = [] }: TaskRoutesOptions): void {
  const { headers } = request;
  if (/^bearer\s+\S/i.test(headers.get('authorization') ?? '')) return;
  const origin = headers.get('origin');
  if (origin !== null && origins.includes(origin)) return;
  // Browsers write it and pages cannot; behind a proxy it is right where the request's own URL is not.
  const site = headers.get('sec-fetch-site');
  const same = site === null ? origin === new URL(request.url).origin : site === 'same-origin';
  if (same) return;
  throw new Refusal(
    403,
    'FORBIDDEN',
    'A request that changes something needs a Bearer token, or has to come from a page of the same origin.',
  );
}

/**
 * Who asks.
 *
 * @throws Refusal 401
 */
export async function userOf(request: Request, options: TaskRoutesOptions): Promise<string | Response> {
  const user: unknown = await options.user(request);
  if (user instanceof Response || isResponse(user)) return user as Response;
  try {
    checkId('userId', user);
    return user;
  } catch {
    throw new Refusal(401, 'UNAUTHORIZED', 'You are not signed in.');
  }
}

/** One of another realm, or of a polyfill. */
function isResponse(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Response]';
}
