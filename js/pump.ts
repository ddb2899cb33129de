import { breathe } from './clock.js';
import { toJson, wellFormed } from './values.js';

/** Who takes the stream in. */
export interface StreamSink {
  /** An empty one says only that the model was heard. False: nothing more is wanted. */
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
    text.flush('all');
    sink.end();
  } catch (thrown) {
    if (signal.aborted) return;
    leave();
    sink.end({ thrown });
  }
}

interface Delta {
  text?: unknown;
  toolUse?: { input?: unknown };
  reasoningContent?: { text?: unknown; signature?: unknown; redactedContent?: unknown };
}

function take(event: unknown, text: TextFeed, sink: StreamSink): boolean {
  const { contentBlockDelta, contentBlockStop } = event as {
    contentBlockDelta?: { delta?: Delta; contentBlockIndex?: unknown };
    contentBlockStop?: { contentBlockIndex?: unknown };
  };
  const delta = contentBlockDelta?.delta;
  const index = contentBlockDelta?.contentBlockIndex ?? 0;
  if (delta !== undefined && typeof index === 'number' && index >>> 0 === index) {
    if (typeof delta.text === 'string') return text.push(index, 'text', delta.text);
    const reasoning = delta.reasoningContent;
    if (typeof reasoning?.text === 'string') {
      const { signature, redactedContent } = reasoning;
      if (!text.push(index, 'reasoning', reasoning.text)) return false;
      if ((signature ?? redactedContent ?? undefined) === undefined) return true;
      const rest = { reasoningContent: { signature, redactedContent } };
      return (
        text.flush(index) && send({ contentBlockDelta: { contentBlockIndex: index, delta: rest } }, sink)
      );
    }
    const input = delta.toolUse?.input;
    if (typeof input === 'string') return text.push(index, 'input', input);
  }
  // What is no delta, a signature for example, comes behind what its block has said.
  const ended = contentBlockDelta !== undefined ? index : (contentBlockStop?.contentBlockIndex ?? 'all');
  return text.flush(ended) && send(event, sink);
}

function send(event: unknown, sink: StreamSink): boolean {
  const written = toJson(event, { bytes: true });
  if (!written.ok) throw new TypeError(`An event of the model's stream has no JSON form: ${written.reason}`);
  return sink.event(written.json ?? 'null');
}

/** What the text of a delta is. */
type Kind = 'text' | 'reasoning' | 'input';

/** Passes text on in whole characters: a delta may end in the middle of one, and other blocks and kinds come in between. */
class TextFeed {
  /** At most one of each kind and block. */
  #halves: { index: number; kind: Kind; half: string }[] = [];

  constructor(readonly sink: StreamSink) {}

  push(index: number, kind: Kind, delta: string): boolean {
    let text = delta;
    if (this.#halves.length > 0 && text !== '') {
      const at = this.#halves.findIndex((held) => held.index === index && held.kind === kind);
      if (at >= 0) text = this.#halves.splice(at, 1)[0]?.half + text;
    }
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#halves.push({ index, kind, half: text.slice(-1) });
      text = text.slice(0, -1);
    }
    return text === '' ? this.sink.textDelta(index, '') : this.#pass(index, kind, text);
  }

  /** Nothing more follows what the block has said, or any. */
  flush(index: unknown): boolean {
    if (this.#halves.length === 0) return true;
    const over = this.#halves.filter((held) => index === 'all' || index === held.index);
    this.#halves = this.#halves.filter((held) => !over.includes(held));
    return over.every((held) => this.#pass(held.index, held.kind, held.half));
  }

  #pass(contentBlockIndex: number, kind: Kind, part: string): boolean {
    const text = clean(part);
    if (kind === 'text') return this.sink.textDelta(contentBlockIndex, text);
    const delta = kind === 'reasoning' ? { reasoningContent: { text } } : { toolUse: { input: text } };
    return send({ contentBlockDelta: { contentBlockIndex, delta } }, this.sink);
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
