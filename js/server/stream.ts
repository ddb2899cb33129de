import { followedBy } from '../api/engine.js';
import { TaskExecutionError } from '../errors.js';
import { logTo } from '../log.js';
import { longestTimerMs } from '../longest-timer.js';
import { clearInterval, clearTimeout, setInterval, setTimeout, TextEncoder } from '../platform.js';
import { describeThrown } from '../values.js';
import { Batches } from './batch.js';
import { countOf } from './body.js';
import { cursorOf } from './cursor.js';
import { Follower } from './follower.js';
import { limitsOf, type TaskRoutesOptions } from './options.js';
import { Places } from './places.js';
import { Refusal } from './problem.js';
import type { TaskRequest } from './routes.js';
import { publicEvent } from './view.js';

/** What is sent before the platform's limit, so that the stream ends and is not cut. */
const beforeTheLimitMs = 5_000;
const encoder = new TextEncoder();

/** Makes the event streams of one set of routes. */
export class EventStreams {
  readonly #options: TaskRoutesOptions;
  readonly #open = new Places();
  #opened = 0;

  constructor(options: TaskRoutesOptions) {
    this.#options = options;
  }

  /** @throws Refusal 400, 429 */
  async open(task: TaskRequest): Promise<Response> {
    const { request, userId } = task;
    const after = cursorOf(task);
    this.#opened += 1;
    const leave = this.#open.take(userId, String(this.#opened), limitsOf(this.#options).streamsPerUser);
    if (leave === undefined) {
      const what = 'You watch too many tasks at once. Close a page.';
      throw new Refusal(429, 'TOO_MANY_REQUESTS', what, { 'retry-after': '10' });
    }
    try {
      const { present = publicEvent } = this.#options;
      const follower = new Follower(task, after, (event) => present(event, { userId, request }), {
        mostWaiting: limitsOf(this.#options).bufferedBytes,
        history: countOf(task.url.searchParams, 'history', 20, 1_000, 0),
      });
      const isNews = await follower.begin();
      if (!isNews || request.method === 'HEAD') {
        leave();
        follower.close();
      }
      // An EventSource that is told this does not come back.
      if (!isNews) return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } });
      return new Response(request.method === 'HEAD' ? null : this.#stream(task, follower, leave), {
        headers: {
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-store, no-transform',
          'x-accel-buffering': 'no',
        },
      });
    } catch (thrown) {
      leave();
      throw thrown;
    }
  }

  /**
   * The reader sets the pace: an event is asked for when the one before it was taken. What waits for a slow one is merged
   * and bounded where the events come from.
   */
  #stream(task: TaskRequest, follower: Follower, leave: () => void): ReadableStream<Uint8Array> {
    const { request, host, engine } = task;
    const { heartbeatMs = 15_000, lifetimeMs = 600_000 } = this.#options.stream ?? {};
    const limitMs = this.#options.run?.maxDurationMs ?? Number.POSITIVE_INFINITY;
    const livesMs = Math.min(lifetimeMs, Math.max(limitMs - beforeTheLimitMs, limitMs / 2), longestTimerMs);
    const batches = new Batches(() => follower.next());
    let isOpen = true;
    let close: () => void = () => {};
    return new ReadableStream<Uint8Array>(
      {
        start(controller) {
          let beats = 0;
          const beat = setInterval(
            () => {
              if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(':\n\n'));
              beats += 1;
              // What cannot be read now is looked at again.
              if (beats % 2 === 0) follower.look().catch(() => {});
            },
            Math.min(heartbeatMs, longestTimerMs),
          );
          const end = setTimeout(() => close(), livesMs);
          const undrained = followedBy(engine, { finish() {}, end: () => close() });
          const onAbort = () => close();
          close = () => {
            if (!isOpen) return;
            isOpen = false;
            clearInterval(beat);
            clearTimeout(end);
            undrained();
            request.signal.removeEventListener('abort', onAbort);
            follower.close();
            leave();
            try {
              controller.close();
            } catch {
              // The reader has gone.
            }
          };
          request.signal.addEventListener('abort', onAbort, { once: true });
          if (request.signal.aborted) close();
          // Something to read at once: proxies and browsers wait for it.
          else controller.enqueue(encoder.encode('retry: 1000\n:\n\n'));
        },
        async pull(controller) {
          try {
            const frames = await batches.take();
            if (!isOpen) return;
            if (frames !== undefined) controller.enqueue(encoder.encode(frames));
            else close();
          } catch (thrown) {
            // Whoever comes back to a task that was deleted is told so.
            if (!(TaskExecutionError.is(thrown) && thrown.code === 'TASK_NOT_FOUND')) {
              const what = describeThrown(thrown).message;
              logTo(host.logger, 'error', `An event stream of task ${task.taskId} ended: ${what}`);
            }
            close();
          }
        },
        cancel: () => close(),
      },
      // One byte that waits stops the asking, and a heartbeat is let in only where nothing waits.
      { highWaterMark: 1, size: (chunk) => chunk?.byteLength ?? 1 },
    );
  }
}
