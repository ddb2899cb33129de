import type { StoredDocument } from '../../types.js';
import { hasControl, splitPath } from '../documents.js';

/**
 * A page without the documents that others have stored under ids which no store of ours takes: the engine could neither
 * read nor delete them. It is read on behind those, so that a page which is not full is still the last.
 *
 * @param page so many documents after an id, as they are stored
 */
export async function nameable(
  after: string | undefined,
  limit: number,
  page: (after: string | undefined, limit: number) => Promise<StoredDocument[]>,
): Promise<StoredDocument[]> {
  const found: StoredDocument[] = [];
  let from = after;
  for (;;) {
    const wanted = limit - found.length;
    const documents = await page(from, wanted);
    found.push(...documents.filter(({ path }) => !hasControl(path)));
    const last = documents.at(-1);
    if (last === undefined || documents.length < wanted || found.length >= limit) return found;
    from = splitPath(last.path).id;
  }
}
