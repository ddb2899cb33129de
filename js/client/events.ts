import { TaskExecutionError } from '../errors.js';
import { longestTimerMs } from '../longest-timer.js';
import type { StreamEnd } from '../server/follower.js';
import type { TaskSnapshot } from '../server/snapshot.js';
import type { TaskEvent } from '../types.js';
import type { TaskClientOptions } from './client.js';
import { backOff, pause, send } from './http.js';
import { EventStreamParser, type ServerSentEvent } from './sse.js';

/** What `task(id).events()` brings: where the task stands, then what happens. */
export type TaskClientEvent = TaskSnapshot | TaskEvent;

/** What `task(id).events()` takes. */
export interface TaskClientEventsOptions {
  /** The `id` of the last event that was seen, '0' for all. Default: a snapshot comes first. */
  after?: string | undefined;
  /** Of how many entries of the journal before it a snapshot tells, at most 1,000. Default 20. */
  history?: number | undefined;
  /** Ends the loop and the connection. */
  signal?: AbortSignal | undefined;
  /** Told `true` when a connection stands, `false` when it is lost, or ended by the server, and is made anew. */
  onConnection?: ((isConnected: boolean) => void) | undefined;
}

/** A connection that stood for so long was a good one, also where nothing happened in the task. */
const steadyMs = 5_000;

/** Follows a task over any number of connections. */
export async function* follow(
  options: TaskClientOptions,
  path: string,
  { after, history, signal, onConnection }: TaskClientEventsOptions,
): AsyncGenerator<TaskClientEvent, undefined> {
  const gone = new AbortController();
  const onAbort = () => gone.abort();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  let cursor = after;
  let failures = 0;
  let retryMs: number | undefined;
  try {
    while (!gone.signal.aborted) {
      const query = new URLSearchParams({
        ...(cursor !== undefined && { after: cursor }),
        ...(history !== undefined && { history: String(history) }),
      });
      const connection = new Connection(options, `${path}?${query}`, cursor, gone.signal, onConnection);
      try {
        for await (const { id, data } of connection) {
          failures = 0;
          if (id !== undefined) cursor = id;
          if (data === undefined) continue;
          const event = JSON.parse(data) as TaskClientEvent | StreamEnd;
          if (event.type === 'end') return;
          yield event;
          if (gone.signal.aborted) return;
        }
        if (connection.isOver) return;
      } catch (thrown) {
        if (gone.signal.aborted) return;
        if (TaskExecutionError.is(thrown) && !thrown.retryable) throw thrown;
        const wanted = TaskExecutionError.is(thrown) ? Number(thrown.details.retryAfterMs ?? 0) : 0;
        if (wanted > 0) await pause(wanted, gone.signal);
      } finally {
        connection.close();
      }
      onConnection?.(false);
      if (connection.stoodMs >= steadyMs) failures = 0;
      failures += 1;
      retryMs = connection.retryMs ?? retryMs;
      await pause(backOff({ ...options, retryMs: options.retryMs ?? retryMs }, failures), gone.signal);
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    gone.abort();
  }
}

/** One connection: ends where the server ends it, throws where it breaks. */
class Connection implements AsyncIterable<ServerSentEvent> {
  readonly #options: TaskClientOptions;
  readonly #path: string;
  readonly #after: string | undefined;
  readonly #aborter = new AbortController();
  readonly #unlink: () => void;
  readonly #stands: ((isConnected: boolean) => void) | undefined;
  /** There is nothing to come back for. */
  isOver = false;
  retryMs: number | undefined;
  #stalled: ReturnType<typeof setTimeout> | undefined;
  #stoodFrom: number | undefined;

  constructor(
    options: TaskClientOptions,
    path: string,
    after: string | undefined,
    signal: AbortSignal,
    stands: TaskClientEventsOptions['onConnection'],
  ) {
    this.#options = options;
    this.#stands = stands;
    this.#path = path;
    this.#after = after;
    const abort = () => this.#aborter.abort();
    signal.addEventListener('abort', abort, { once: true });
    this.#unlink = () => signal.removeEventListener('abort', abort);
  }

  /** For how long it has stood. */
  get stoodMs(): number {
    return this.#stoodFrom === undefined ? 0 : performance.now() - this.#stoodFrom;
  }

  close(): void {
    clearTimeout(this.#stalled);
    this.#unlink();
    this.#aborter.abort();
  }

  /** Not one that stopped half-way: it is asked again where it was. */
  #alive(): void {
    clearTimeout(this.#stalled);
    const { stallMs = 45_000 } = this.#options;
    this.#stalled = setTimeout(() => this.#aborter.abort(), Math.min(stallMs, longestTimerMs));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ServerSentEvent, undefined> {
    this.#alive();
    const after = this.#after;
    const response = await send(this.#options, {
      path: this.#path,
      headers: { accept: 'text/event-stream', ...(after !== undefined && { 'last-event-id': after }) },
      signal: this.#aborter.signal,
    });
    if (response.status === 204 || response.body === null) {
      this.isOver = true;
      return;
    }
    this.#stands?.(true);
    this.#stoodFrom = performance.now();
    const ready: ServerSentEvent[] = [];
    const parser = new EventStreamParser((event) => ready.push(event));
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.#alive();
      parser.feed(decoder.decode(value, { stream: true }));
      this.retryMs = parser.retryMs;
      while (ready.length > 0) yield ready.shift() as ServerSentEvent;
    }
  }
}
