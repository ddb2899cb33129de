import { createTaskEngine } from '../../index.js';
import { pidOf } from '../../stores/holder.js';
import type { SqliteStore } from '../../stores/sqlite.js';
import type { StoredDocument, TaskState } from '../../types.js';
import type { ReadableEntry } from './journal.js';

/** The part of `engine/head` that is shown; any of it may be missing in a damaged store. */
export interface Head {
  seq: number;
  epoch: number;
  last_run: string;
  owner?: { id: string; holder?: string; ttl_ms: number };
}

/** How the last run ended, or that it has not. */
export interface LastRun {
  status:
    | 'none'
    | 'begun'
    | 'running'
    | 'interrupted'
    | 'yielded'
    | 'paused'
    | 'stopped'
    | 'completed'
    | 'failed'
    | 'unknown';
  /** Raised by every run that takes the task up. */
  lease?: number;
  /** Who runs it, or ran it when it was interrupted. */
  owner?: { id: string; pid?: number; heardOfMsAgo?: number };
  /** ISO 8601: when it ended. */
  at?: string;
  reason?: string;
  error?: { code?: string; message?: string };
}

/** Where a task stands at a moment. */
export interface Look {
  document: Record<string, unknown> | undefined;
  head: Head | undefined;
  state: TaskState | undefined;
  /** Why there is no state. */
  problem: string | undefined;
}

/** Long enough for a store on this machine. */
const storeTimeoutMs = 2_000;

/** Looks at one task. */
export class TaskLook {
  readonly path: string;
  readonly #store: SqliteStore;
  readonly #lifecycle: { state(): Promise<TaskState> };
  /** Of the last entry that ended a run. */
  #ended: Pick<LastRun, 'at' | 'reason' | 'error'> = {};
  #headDocument: StoredDocument | undefined;

  constructor(store: SqliteStore, userId: string, taskId: string) {
    this.path = `users/${userId}/tasks/${taskId}`;
    this.#store = store;
    const engine = createTaskEngine({ store, defaults: { storeTimeoutMs } });
    this.#lifecycle = engine.lifecycle(taskId, userId);
  }

  async now(): Promise<Look> {
    const [document, head] = await this.#store.read([this.path, `${this.path}/engine/head`]);
    this.#headDocument = head ?? undefined;
    const [state, problem] = await this.#lifecycle.state().then(
      (found) => [found, undefined] as const,
      (error: unknown) => [undefined, error instanceof Error ? error.message : String(error)] as const,
    );
    return { document: document?.data, head: head ? headOf(head.data) : undefined, state, problem };
  }

  /** Learns from an entry how a run ended. */
  learn({ at, data: { facts } }: ReadableEntry): void {
    for (const { kind, reason, error } of facts) {
      if (kind !== 'ended') continue;
      this.#ended = {
        at,
        ...(typeof reason === 'string' && { reason }),
        ...(error !== null && typeof error === 'object' && { error }),
      };
    }
  }

  /** How the last run ended, as far as entries have been learned from. */
  lastRun({ head, state }: Look): LastRun {
    if (head === undefined) return { status: this.#headDocument ? 'unknown' : 'none' };
    const lease = head.epoch;
    if (head.owner) {
      const { id, holder, ttl_ms } = head.owner;
      const pid = pidOf(holder);
      const ageMs = this.#headDocument?.ageMs;
      const isGone = holder !== undefined && this.#store.holder?.alive(holder) === false;
      const isLate = ageMs === undefined ? state?.unfinished === true : ageMs > ttl_ms;
      return {
        status: isGone || isLate ? 'interrupted' : 'running',
        lease,
        owner: {
          id,
          ...(pid !== undefined && { pid: Number(pid) }),
          ...(ageMs !== undefined && { heardOfMsAgo: Math.round(ageMs) }),
        },
      };
    }
    switch (head.last_run) {
      case 'paused':
      case 'stopped':
      case 'completed':
      case 'failed':
        return { status: head.last_run, lease, ...this.#ended };
      case 'none':
        return { status: 'none' };
      case 'running':
        return { status: 'begun', lease };
      case 'yielded':
      case 'yielded_unclean':
        return { status: 'yielded', lease };
      default:
        return { status: 'unknown', lease };
    }
  }
}

function headOf(data: Record<string, unknown>): Head | undefined {
  const { seq, epoch, last_run, owner } = data as unknown as Head;
  if (typeof seq !== 'number' || typeof epoch !== 'number' || typeof last_run !== 'string') return undefined;
  return { seq, epoch, last_run, ...(typeof owner?.id === 'string' && { owner }) };
}

/** How the last run ended, for people. */
export function describeLastRun({ status, owner, reason, error, lease }: LastRun): string {
  const who = owner?.pid === undefined ? `the run ${owner?.id}` : `process ${owner.pid}`;
  const because = reason === undefined ? '' : `: ${reason}`;
  switch (status) {
    case 'none':
      return 'Nobody has run it.';
    case 'begun':
      return 'It was begun, and nobody runs it: someone should call run().';
    case 'running':
      return `It is at work: ${who} holds lease ${lease}.`;
    case 'interrupted':
      return `It was interrupted: ${who}, which held lease ${lease}, is gone. Someone should call run().`;
    case 'yielded':
      return 'It gave the task up for another to go on: someone should call run().';
    case 'failed':
      return `It failed: ${error?.message ?? reason ?? 'nobody said why'}${error?.code ? ` (${error.code})` : ''}`;
    case 'unknown':
      return 'Nobody can say: engine/head cannot be read.';
    default:
      return `It was ${status}${because}${reason?.endsWith('.') ? '' : '.'}`;
  }
}

/** The status for people, which tells a stop from a pause. */
export function describeStatus({ status, execution }: Record<string, unknown>): string {
  const reason =
    execution !== null && typeof execution === 'object' ? Reflect.get(execution, 'abort_reason') : undefined;
  if (status === 'paused' && typeof reason === 'string') return 'stopped';
  return String(status).replaceAll('_', ' ');
}
