import { clearTimeout, setTimeout } from '../../platform.js';
import type { FirestoreLike } from './structure.js';

/** Collections that grow with the task, and the field that their newest document is found by: only that is listened to. */
const newest: Record<string, string> = { journal: 'seq', messages: 'timestamp' };

const firstRetryMs = 1_000;
const lastRetryMs = 30_000;

/**
 * Listens to documents and collections until the end that it returns. The state at the beginning counts as a change, so
 * that nothing between a read and the listener's start is missed. A listener that Firestore ends is set up again, later
 * each time; until then changes are seen by the engine's heartbeats. Of a journal that is listened to alone it is told
 * which entry is the newest.
 */
export function listen(db: FirestoreLike, paths: string[], onChange: (newest?: string) => void): () => void {
  const alone = paths.length === 1;
  const ends = paths.map((path) =>
    listenTo(db, path, (snapshot) => onChange(alone ? newestOf(path, snapshot) : undefined)),
  );
  return () => {
    for (const end of ends) {
      end();
    }
  };
}

function listenTo(db: FirestoreLike, path: string, onChange: (snapshot: unknown) => void): () => void {
  let ended = false;
  let unsubscribe: (() => void) | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let retryMs = firstRetryMs;

  const attach = () => {
    unsubscribe = source(db, path).onSnapshot((snapshot) => {
      retryMs = firstRetryMs;
      if (!ended) {
        onChange(snapshot);
      }
    }, again);
  };
  const again = () => {
    if (ended) {
      return;
    }
    timer = setTimeout(() => {
      try {
        attach();
      } catch {
        // a database that was closed meanwhile: nothing above a timer could take that
        again();
      }
    }, retryMs);
    // Node: waiting keeps no process alive
    (timer as { unref?: () => void }).unref?.();
    retryMs = Math.min(retryMs * 2, lastRetryMs);
  };
  attach();
  return () => {
    ended = true;
    clearTimeout(timer);
    unsubscribe?.();
    unsubscribe = undefined;
  };
}

function source(db: FirestoreLike, path: string) {
  const segments = path.split('/');
  if (segments.length % 2 === 0) {
    return db.doc(path);
  }
  const field = newest[segments[segments.length - 1] as string];
  const collection = db.collection(path);
  return field === undefined ? collection : collection.orderBy(field, 'desc').limit(1);
}

/** The id of a journal's newest document, '' where there is none. Only there does the order of ids say which it is. */
function newestOf(path: string, snapshot: unknown): string | undefined {
  if (!path.endsWith('/journal')) return undefined;
  const { docs } = (snapshot ?? {}) as { docs?: readonly { id?: unknown }[] };
  if (!Array.isArray(docs)) return undefined;
  const id: unknown = docs.length === 0 ? '' : docs[0]?.id;
  return typeof id === 'string' ? id : undefined;
}
