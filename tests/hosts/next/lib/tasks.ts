import { configureTaskExecution } from 'task-execution-engine';
import { sqliteStore } from 'task-execution-engine/sqlite';
import { model } from '@/lib/model';
import { placeOrder } from '@/lib/tools';

// Next evaluates this module several times in one process: for instrumentation and for its bundles of routes. The last
// call wins, and each call says the same: the same file is the same store, whichever evaluation opened it.
configureTaskExecution({
  store: sqliteStore(process.env.TASKS_FILE ?? 'tasks.sqlite'),
  model,
  tools: { place_order: placeOrder },
});

/** Whose tasks these are. An app takes it from its session. */
export const userId = 'ada';
