import { breathe } from './clock.js';
import { toJson, wellFormed } from './values.js';

/** Who takes the stream in. */
export interface StreamSink {
  /** False: nothing more is wanted. */
  textDelta(index: number, text: string): boolean;
  /** Any other event as JSON text. False: nothing more is wanted. */
  event(json: string): boolean;
  /** The stream is over; `failed` where it threw. */
  end(failed?: { thrown: unknown }): void;
}

/** So many events are taken in before everything else gets a turn of the event loop. */
const eventsPerTurn = 1_024;

/**
 * Hands a model's stream to the engine, event by event: the next one is read only after the one before is handled.
 * Whenever it leaves before the stream's own end, it aborts the signal and returns the iterator without waiting for it.
 * Never rejects.
 */
export async function pump(
  open: () => unknown,
  controller: AbortController,
  sink: StreamSink,
): Promise<void> {
  const { signal } = controller;
  let iterator: AsyncIterator<unknown> | Iterator<unknown> | undefined;
  const leave = () => {
    if (!signal.aborted) controller.abort();
    const left = iterator;
    iterator = undefined;
    if (left !== undefined) void close(left);
  };
  // A stream may stay silent for ever after an abort.
  signal.addEventListener('abort', leave, { once: true });
  try {
    const stream = await open();
    iterator = iterate(stream);
    if (signal.aborted) return leave();
    const text = new TextFeed(sink);
    for (let taken = 1; ; taken++) {
      // A stream that never waits would let nothing else of the process have its turn.
      if (taken % eventsPerTurn === 0) {
        await breathe();
        if (signal.aborted) return;
      }
      const { done, value } = await iterator.next();
      if (signal.aborted) return;
      if (done) break;
      if (!take(value, text, sink)) {
        leave();
        return sink.end();
      }
    }
    iterator = undefined;
    signal.removeEventListener('abort', leave);
    text.flush();
    sink.end();
  } catch (thrown) {
    if (signal.aborted) return;
    leave();
    sink.end({ thrown });
  }
}

function take(event: unknown, text: TextFeed, sink: StreamSink): boolean {
  const { contentBlockDelta } = event as {
    contentBlockDelta?: { delta?: { text?: unknown }; contentBlockIndex?: unknown };
  };
  const delta = contentBlockDelta?.delta?.text;
  if (typeof delta === 'string') {
    const index = contentBlockDelta?.contentBlockIndex ?? 0;
    if (typeof index === 'number' && index >>> 0 === index) return text.push(index, delta);
  }
  const written = toJson(event, { bytes: true });
  if (!written.ok) throw new TypeError(`An event of the model's stream has no JSON form: ${written.reason}`);
  return text.flush() && sink.event(written.json ?? 'null');
}

/** Passes text on in whole characters: a delta may end in the middle of one. */
class TextFeed {
  #carry = '';
  #index = 0;

  constructor(readonly sink: StreamSink) {}

  push(index: number, delta: string): boolean {
    let text = delta;
    if (this.#carry !== '') {
      if (index !== this.#index && !this.flush()) return false;
      text = this.#carry + text;
      this.#carry = '';
    }
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#carry = text.slice(-1);
      this.#index = index;
      text = text.slice(0, -1);
    }
    return text === '' || this.sink.textDelta(index, clean(text));
  }

  flush(): boolean {
    const carry = this.#carry;
    this.#carry = '';
    return carry === '' || this.sink.textDelta(this.#index, clean(carry));
  }
}

/** `wellFormed`, at the price of a look where the platform can tell. */
function clean(text: string): string {
  const { isWellFormed } = text as { isWellFormed?(): boolean };
  return isWellFormed?.call(text) ? text : wellFormed(text);
}

function iterate(stream: unknown): AsyncIterator<unknown> | Iterator<unknown> {
  const iterable = Object(stream) as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  const iterator =
    typeof stream === 'object'
      ? (iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.())
      : undefined;
  if (iterator === undefined) {
    throw new TypeError('model.stream() must return an async iterable of ConverseStream events');
  }
  return iterator;
}

async function close(iterator: AsyncIterator<unknown> | Iterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // Nobody wants the stream any more, nor how it took that.
  }
}
