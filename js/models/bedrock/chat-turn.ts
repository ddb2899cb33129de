import type { AbortSignalLike, ConverseStreamEvent, StopReason } from '../../types.js';
import { type ChatCall, type ChatResult, wholenessOf, withCall } from './chat-result.js';

/** Reasoning stands before the text, which is known first: it gets the indexes below. */
const textIndex = 1_000;

/** One turn that a function tells by callbacks, as the stream that it would be. Over by an abort, it hears nothing. */
export class ChatTurn implements AsyncIterable<ConverseStreamEvent>, AsyncIterator<ConverseStreamEvent> {
  #events: ConverseStreamEvent[] = [];
  #heard = '';
  readonly #calls: ChatCall[] = [];
  #over = false;
  #failed: { thrown: unknown } | undefined;
  #wake: (() => void) | undefined;
  readonly #leave: () => void;

  constructor(signal: AbortSignalLike) {
    const leave = () => {
      this.#events = [];
      this.#finish();
    };
    this.#leave = () => signal.removeEventListener('abort', leave);
    signal.addEventListener('abort', leave);
    if (signal.aborted) leave();
  }

  /** Whether anything that comes now comes too late. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Whether the model has said anything. */
  get hasBegun(): boolean {
    return this.#heard !== '' || this.#calls.length > 0;
  }

  /** Does what a callback is for. What it throws fails the turn, and not the function that called back. */
  attempt(work: () => void): void {
    if (this.#over) return;
    try {
      work();
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** A piece of the text. */
  text(text: string): void {
    if (text === '') return;
    this.#heard += text;
    this.#push({ contentBlockDelta: { contentBlockIndex: textIndex, delta: { text } } });
  }

  /** A call of a tool, which may have been told before when it was not whole. */
  call(call: ChatCall): void {
    withCall(this.#calls, call);
  }

  /** The function has returned: what its result has that was not told before is added. */
  end(result: ChatResult): void {
    if (result.text.startsWith(this.#heard)) this.text(result.text.slice(this.#heard.length));
    result.reasoning.slice(0, textIndex).forEach((delta, contentBlockIndex) => {
      for (const part of delta) {
        this.#push({ contentBlockDelta: { contentBlockIndex, delta: { reasoningContent: part } } });
      }
    });
    this.#merge(result.calls);
    this.#calls.forEach(({ id, name, input }, n) => {
      const contentBlockIndex = textIndex + 1 + n;
      const toolUseId = id ?? '';
      this.#push({ contentBlockStart: { contentBlockIndex, start: { toolUse: { toolUseId, name } } } });
      this.#push({ contentBlockDelta: { contentBlockIndex, delta: { toolUse: { input } } } });
      this.#push({ contentBlockStop: { contentBlockIndex } });
    });
    const stopReason = result.stopReason ?? (this.#calls.length > 0 ? 'tool_use' : 'end_turn');
    this.#push({ messageStop: { stopReason: stopReason as StopReason } });
    if (result.usage !== undefined) this.#push({ metadata: { usage: result.usage, metrics: undefined } });
    this.#finish();
  }

  /** Ends the stream with an exception, once what was told before is read. */
  fail(thrown: unknown): void {
    if (this.#over) return;
    this.#failed = { thrown };
    this.#finish();
  }

  /** Calls of which one has no id are the same where name and input are, or where one of them tells no whole input. */
  #merge(calls: ChatCall[]): void {
    const told = [...this.#calls];
    for (const call of calls) {
      const hasItsId = this.#calls.some(({ id }) => id !== undefined && id === call.id);
      const alike = told.filter(
        ({ id, name }) => name === call.name && (id === undefined || call.id === undefined),
      );
      const known = hasItsId
        ? undefined
        : (alike.find(({ input }) => isSameInput(input, call.input)) ??
          alike.find(({ input }) => Math.min(wholenessOf(input), wholenessOf(call.input)) < 2));
      if (known === undefined) {
        this.call(call);
        continue;
      }
      told.splice(told.indexOf(known), 1);
      const whole = wholenessOf(call.input) >= wholenessOf(known.input) ? call : known;
      this.#calls[this.#calls.indexOf(known)] = { ...whole, id: known.id ?? call.id };
    }
  }

  #push(event: ConverseStreamEvent): void {
    this.#events.push(event);
    this.#wake?.();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave();
    this.#wake?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<ConverseStreamEvent>> {
    while (this.#events.length === 0 && !this.#over) {
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
    const value = this.#events.shift();
    if (value !== undefined) return { done: false, value };
    const failed = this.#failed;
    this.#failed = undefined;
    if (failed !== undefined) throw failed.thrown;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<ConverseStreamEvent>> {
    this.#events = [];
    this.#failed = undefined;
    this.#finish();
    return { done: true, value: undefined };
  }
}

/** As JSON, however it is written. */
function isSameInput(a: string, b: string): boolean {
  const written = (input: string) => {
    try {
      return JSON.stringify(JSON.parse(input));
    } catch {
      return input;
    }
  };
  return a === b || written(a) === written(b);
}
