import { TaskExecutionError } from '../errors.js';
import { logTo } from '../log.js';
import type { TaskEvent, TaskHost, TaskStatus } from '../types.js';
import type { LiveText } from './remote-text.js';
import type { Rest } from './rest.js';

/** A page of stored facts, and the cursor behind it. Without `after` it is empty and its cursor is now. */
export interface Page {
  events: TaskEvent[];
  cursor: string;
  more: boolean;
  status: TaskStatus;
  /** Of a turn that streams in another process, where that was asked for. */
  live?: LiveText;
}

/** Which page. `unsaved`: the message that is known to have no fact yet. */
export interface PageQuery {
  after?: string | undefined;
  live?: true;
  unsaved?: string | undefined;
}

/** Who can be asked for pages. */
export interface PageSource {
  host(): Promise<TaskHost>;
  command(kind: 'events', args: PageQuery & Record<string, unknown>): Promise<Page>;
}

/** Milliseconds between attempts where the store cannot be reached: doubled each time, up to the last. */
const firstBackOffMs = 1_000;
const lastBackOffMs = 30_000;

/**
 * The facts after a cursor. While the store cannot be reached it tries again, as long as someone wants to know.
 *
 * @throws TaskExecutionError for whatever another try cannot help
 */
export async function readPage(
  source: PageSource,
  query: PageQuery,
  rest: Rest,
  wanted: () => boolean,
): Promise<Page | undefined> {
  for (let backOffMs = firstBackOffMs; wanted(); backOffMs = Math.min(2 * backOffMs, lastBackOffMs)) {
    try {
      return await source.command('events', { ...query });
    } catch (error) {
      if (!TaskExecutionError.is(error) || error.code !== 'STORE_UNAVAILABLE') throw error;
      if (!wanted()) return undefined;
      const host = await source.host();
      warn(host, `The task's events cannot be read, trying again in ${backOffMs} ms: ${error.message}`);
      await rest.wait(host, backOffMs);
    }
  }
  return undefined;
}

/** Tells the host's logger. */
export function warn({ logger }: TaskHost, message: string): void {
  logTo(logger, 'warn', message);
}

/** Whether nothing more will come of it. */
export function isOver(status: string): boolean {
  return status === 'completed' || status === 'failed';
}

/** Compares cursors: `'{seq}.{n}'` after an event, `'{seq}'` after all of an entry. */
export function isAfter(id: string, cursor: string): boolean {
  const [seq = 0, n = Infinity] = id.split('.').map(Number);
  const [otherSeq = 0, otherN = Infinity] = cursor.split('.').map(Number);
  return seq > otherSeq || (seq === otherSeq && n > otherN);
}

/** The cursor that an event comes right after. */
export function cursorBefore(id: string): string {
  const [seq = 0, n = 0] = id.split('.').map(Number);
  return n > 0 ? `${seq}.${n - 1}` : `${seq - 1}`;
}
