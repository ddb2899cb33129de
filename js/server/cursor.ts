import { execute } from '../api/command.js';
import type { Page } from '../api/stored-events.js';
import { isAfter } from '../api/stored-events.js';
import { Refusal } from './problem.js';
import type { TaskRequest } from './routes.js';
import type { TaskPlace } from './runs.js';

const shape = /^\d{1,15}(\.\d{1,15})?$/;

/**
 * Where a viewer has come to; undefined where it begins. A client that comes back says so in `Last-Event-ID`, and its URL
 * still has the cursor that it once began with.
 *
 * @throws Refusal 400 for a cursor in the URL that is none
 */
export function cursorOf({ request, url }: Pick<TaskRequest, 'request' | 'url'>): string | undefined {
  const last = request.headers.get('last-event-id') ?? '';
  // A browser sends what it has got, from whoever it got it: what is no cursor starts over.
  if (last !== '') return shape.test(last) ? last : undefined;
  const after = url.searchParams.get('after') ?? '';
  if (after === '') return undefined;
  if (shape.test(after)) return after;
  throw new Refusal(
    400,
    'INVALID_ARGUMENT',
    "after must be the id of an event, like '12.0', or '0' for all.",
  );
}

/** Facts after a cursor; without one none, and the cursor of now, with the text of a run elsewhere. */
export async function pageAfter(place: TaskPlace, after: string | undefined): Promise<Page> {
  return (await execute(
    place.host,
    place,
    'events',
    after === undefined ? { live: true } : { after },
  )) as Page;
}

/** Whether nothing that was ever stored has this cursor: the history was deleted, or it is another's. */
export function isBeyond(after: string, now: string): boolean {
  return isAfter(after.split('.')[0] ?? after, now);
}
