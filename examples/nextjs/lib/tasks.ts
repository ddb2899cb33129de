import { configureTaskExecution } from 'task-execution-engine';
import { openModel } from '@/lib/model';
import { openStore } from '@/lib/store';
import { tools } from '@/lib/tools';

// Next evaluates this module several times in one process; each time it says the same.
export const store = openStore();
configureTaskExecution({
  store,
  model: openModel(),
  tools,
  defaults: { leaseTtlMs: Number(process.env.LEASE_TTL_MS ?? 30_000) },
});

/** Whose tasks a request is about. An app takes it from its session; here everybody is Ada. */
export const userOf = (_request?: Request): string => 'ada';
