/** One event of a stream. `data` is undefined where it only tells a cursor. */
export interface ServerSentEvent {
  id?: string;
  data?: string;
}

/**
 * Parses `text/event-stream` (WHATWG HTML, "Server-sent events") as it comes in, wherever it is cut. What a stream does not
 * finish is no event.
 */
export class EventStreamParser {
  readonly #told: (event: ServerSentEvent) => void;
  #rest = '';
  #isFirst = true;
  #id: string | undefined;
  #data: string[] = [];
  /** Milliseconds that the server wants a client to wait before it comes back. */
  retryMs: number | undefined;

  constructor(told: (event: ServerSentEvent) => void) {
    this.#told = told;
  }

  /** Takes in the next piece. */
  feed(text: string): void {
    let whole = this.#rest + text;
    if (this.#isFirst && whole !== '') {
      this.#isFirst = false;
      if (whole.startsWith('\uFEFF')) whole = whole.slice(1);
    }
    // A CR at the end may be half of a line's end.
    const held = whole.endsWith('\r') ? '\r' : '';
    const lines = whole.slice(0, whole.length - held.length).split(/\r\n|\r|\n/);
    this.#rest = (lines.pop() ?? '') + held;
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    if (name === 'data') this.#data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(): void {
    const event: ServerSentEvent = {};
    if (this.#id !== undefined) event.id = this.#id;
    if (this.#data.length > 0) event.data = this.#data.join('\n');
    this.#id = undefined;
    this.#data = [];
    if ('id' in event || 'data' in event) this.#told(event);
  }
}
