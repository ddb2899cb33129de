/** Where the tasks of a lane are kept, and how processes get there. */
import { join } from 'node:path';
import { createTaskEngine, type TaskEngine } from '../../js/index.js';
import { firestoreRestStore } from '../../js/stores/firestore/index.js';
import { type SqliteStore, sqliteStore } from '../../js/stores/sqlite.js';
import { type StoreKind, shareOfSdk, storeCallMs } from './numbers.js';
import type { CommitWatcher, Door, FaultProxy } from './proxy.js';
import type { Random } from './random.js';
import type { StoreOfProcess } from './worker.js';

/** Who looks on is patient. */
const defaults = { storeTimeoutMs: 60_000 };

export interface CampaignStore {
  readonly kind: StoreKind;
  /** Looks at it undisturbed. */
  readonly engine: TaskEngine;
  /** The way in of one process. */
  ofProcess(watcher: CommitWatcher): Promise<{ store: StoreOfProcess; door?: Door }>;
  close(): void;
}

/** Firestore's emulator behind the proxy that loses and cuts. */
export function firestoreOf(
  host: string,
  projectId: string,
  proxy: FaultProxy,
  random: Random,
): CampaignStore {
  return {
    kind: 'firestore',
    engine: createTaskEngine({ store: firestoreRestStore({ projectId, host }), defaults }),
    async ofProcess(watcher) {
      const door = await proxy.open(watcher);
      const kind = random.chance(shareOfSdk) ? 'sdk' : 'rest';
      return { store: { kind, projectId, host: door.host, timeoutMs: storeCallMs }, door };
    },
    close: () => {},
  };
}

/** One file for all, which any number of processes has open. */
export function sqliteOf(folder: string): CampaignStore {
  const file = join(folder, 'tasks.sqlite');
  const store: SqliteStore = sqliteStore(file);
  return {
    kind: 'sqlite',
    engine: createTaskEngine({ store, defaults }),
    ofProcess: async () => ({ store: { kind: 'sqlite', file } }),
    close: () => store.close(),
  };
}
