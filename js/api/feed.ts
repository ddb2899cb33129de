import type { TaskEvent, TaskOutcome } from '../types.js';
import type { RunListener } from './registry.js';
import { Rest } from './rest.js';
import { cursorBefore, isAfter, type PageSource, readPage } from './stored-events.js';

/** Text of one attempt at a message, as far as it waits. */
interface Text {
  messageId: string;
  attempt: number;
  text: string;
}

/** Input of one tool use, as far as it waits; `json` is the event but for its delta. */
interface ToolInput {
  input: string;
  json: string;
}

/** Facts that are left to the journal: those after `from`, up to `to`. */
interface Range {
  from: string;
  to: string;
}

type Item =
  | { fact: string }
  | { live: string }
  | Text
  | { reasoning: string }
  | ToolInput
  | Range
  | { outcome: TaskOutcome };

/** Bounds what waits in memory for a slow reader. */
export interface FeedBounds {
  /** Characters of events. Default 262,144. */
  mostWaiting?: number | undefined;
  /** Asked when the reader is a hundred entries behind: true where it starts over, and nothing of this is wanted. */
  startsOver?: (() => boolean) | undefined;
}

/** The same for whoever follows a task. */
export interface FollowerBounds extends FeedBounds {
  /** It is to be told everything after its cursor first: it does not start over before it has come to the present. */
  replays?: boolean | undefined;
}

/** Entries after which whoever can start over catches up sooner than by reading them. */
const mostBehind = 100;
/** What an item takes beside its text. */
const itemSize = 100;

/**
 * Events between a run and a reader who may be slow, or never come. Text that waits is merged. Beyond a quarter of a
 * million characters the oldest facts are forgotten and read from the journal when their turn comes, which can tell
 * the text of a message, but no reasoning and no attempt that was given up.
 */
export class Feed implements RunListener {
  readonly #taskId: string;
  readonly #source: PageSource;
  readonly #mostWaiting: number;
  readonly #startsOver: (() => boolean) | undefined;
  readonly #rest = new Rest({ keepsAlive: true });
  #items: Item[] = [];
  #size = 0;
  /** The items at the end that what follows is merged into. */
  #text: Text | undefined;
  #reasoning: { reasoning: string } | undefined;
  #input: ToolInput | undefined;
  /** Attempts, by message, of which text was forgotten: it is told from the saved message. */
  readonly #forgotten = new Map<string, number>();
  /** How much of a message the reader has last been told. */
  #told = { messageId: '', attempt: 0, length: 0 };
  #recalled: TaskEvent[] = [];
  #wake: (() => void) | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #firstSeq: number | undefined;
  #over = false;
  #left = false;

  constructor(taskId: string, source: PageSource, { mostWaiting = 256 * 1024, startsOver }: FeedBounds = {}) {
    this.#taskId = taskId;
    this.#source = source;
    this.#mostWaiting = mostWaiting;
    this.#startsOver = startsOver;
  }

  /** Characters that wait in memory. */
  get size(): number {
    return this.#size;
  }

  /** The journal entry of the first fact that it was told: it has all from there on. */
  get firstSeq(): number | undefined {
    return this.#firstSeq;
  }

  event(json: string): void {
    switch (json.slice(9, json.indexOf('"', 9))) {
      case 'task:message': {
        const { messageId, attempt, content } = JSON.parse(json);
        this.delta(messageId, attempt, content);
        break;
      }
      case 'task:reasoning':
        this.#reason(JSON.parse(json).delta);
        break;
      case 'task:tool_input': {
        const { delta, ...rest } = JSON.parse(json);
        this.#toolInput(JSON.stringify(rest), delta);
        break;
      }
      case 'task:tool_progress':
        this.#put({ live: json }, json.length);
        break;
      case 'task:retry':
      case 'task:approval_required':
      case 'task:answer_required':
      case 'task:error':
        this.#put(JSON.parse(json).id === undefined ? { live: json } : { fact: json }, json.length);
        break;
      default:
        this.#put({ fact: json }, json.length);
    }
  }

  delta(messageId: string, attempt: number, text: string): void {
    if (this.#text?.messageId === messageId && this.#text.attempt === attempt) {
      this.#text.text += text;
      this.#size += text.length;
      return;
    }
    if (this.#forgotten.get(messageId) === attempt) return;
    this.#forgotten.delete(messageId);
    this.#text = { messageId, attempt, text };
    this.#put(this.#text, text.length);
  }

  #reason(delta: string): void {
    if (this.#reasoning !== undefined) {
      this.#reasoning.reasoning += delta;
      this.#size += delta.length;
      return;
    }
    this.#reasoning = { reasoning: delta };
    this.#put(this.#reasoning, delta.length);
  }

  #toolInput(json: string, delta: string): void {
    if (this.#input?.json === json) {
      this.#input.input += delta;
      this.#size += delta.length;
      return;
    }
    this.#input = { input: delta, json };
    this.#put(this.#input, delta.length + json.length);
  }

  status(): void {}

  ended(outcome: TaskOutcome, ran: boolean): void {
    if (ran) this.#items.push({ outcome });
    this.close();
  }

  /** Nothing more comes; what is there can still be read. */
  close(): void {
    this.#over = true;
    this.#notify();
  }

  /** Nothing more comes, and nothing is read any more: what is here is told up to the first gap. */
  seal(): void {
    const gap = this.#items.findIndex((item) => 'to' in item);
    if (gap >= 0) this.#items.splice(gap);
    this.close();
  }

  /** Nobody reads any more. */
  leave(): void {
    this.#left = true;
    this.#items = [];
    this.#recalled = [];
    this.#size = 0;
    this.#rest.wake();
    this.close();
  }

  /**
   * The next event; undefined at the end.
   *
   * @throws TaskExecutionError where forgotten facts cannot be read again; what comes after them still can
   */
  next(): Promise<TaskEvent | undefined> {
    const next = this.#last.then(() => this.#next());
    this.#last = next.catch(() => {});
    return next;
  }

  async #next(): Promise<TaskEvent | undefined> {
    for (;;) {
      const event = this.#recalled.shift() ?? this.#now();
      if (event !== undefined) return event;
      const range = this.#items[0];
      if (range !== undefined && 'to' in range) await this.#recall(range);
      else if (this.#over) return undefined;
      else await this.#arrival();
    }
  }

  /** What can be told without looking into the journal. */
  #now(): TaskEvent | undefined {
    const item = this.#items[0];
    if (item === undefined || 'to' in item) return undefined;
    this.#items.shift();
    this.#size -= sizeOf(item);
    if (item === this.#text) this.#text = undefined;
    if (item === this.#reasoning) this.#reasoning = undefined;
    if (item === this.#input) this.#input = undefined;
    const taskId = this.#taskId;
    if ('outcome' in item) return { type: 'task:run_ended', taskId, outcome: item.outcome };
    if ('reasoning' in item) return { type: 'task:reasoning', taskId, delta: item.reasoning };
    if ('input' in item) return { ...JSON.parse(item.json), delta: item.input };
    if ('live' in item) return JSON.parse(item.live);
    if ('text' in item) return this.#tell(item.messageId, item.attempt, item.text);
    const [first, ...others] = this.#withText(JSON.parse(item.fact));
    this.#recalled.push(...others);
    return first;
  }

  #tell(messageId: string, attempt: number, text: string): TaskEvent {
    const same = this.#told.messageId === messageId && this.#told.attempt === attempt;
    const offset = same ? this.#told.length : 0;
    this.#told = { messageId, attempt, length: offset + text.length };
    return { type: 'task:message', taskId: this.#taskId, ...deltaOf(messageId, attempt, text, offset) };
  }

  /** A fact, after the text that it saves where that was forgotten. */
  #withText(fact: TaskEvent): TaskEvent[] {
    if (fact.type !== 'task:message_saved') return [fact];
    const { messageId, content } = fact;
    const attempt = this.#forgotten.get(messageId);
    if (attempt === undefined) return [fact];
    this.#forgotten.delete(messageId);
    const same = this.#told.messageId === messageId && this.#told.attempt === attempt;
    const rest = content.slice(same ? this.#told.length : 0);
    return rest === '' ? [fact] : [this.#tell(messageId, attempt, rest), fact];
  }

  async #recall(range: Range): Promise<void> {
    let through = true;
    try {
      const page = await readPage(this.#source, { after: range.from }, this.#rest, () => !this.#left);
      if (page === undefined) return;
      const wanted = page.events.filter(({ id }) => id !== undefined && !isAfter(id, range.to));
      this.#recalled = wanted.flatMap((fact) => this.#withText(fact));
      // The range may have grown meanwhile.
      through = !isAfter(range.to, page.cursor) || !isAfter(page.cursor, range.from);
      range.from = page.cursor;
    } finally {
      if (through) this.#items = this.#items.filter((item) => item !== range);
    }
  }

  #put(item: Item, length: number): void {
    if (item !== this.#text && item !== this.#reasoning && item !== this.#input) {
      this.#text = undefined;
      this.#reasoning = undefined;
      this.#input = undefined;
    }
    if (this.#firstSeq === undefined && 'fact' in item) this.#firstSeq = JSON.parse(item.fact).seq;
    this.#items.push(item);
    this.#size += length + itemSize;
    if (this.#size > this.#mostWaiting) this.#forget();
    this.#notify();
  }

  /** Leaves the older half to the journal; the last item stays. */
  #forget(): void {
    const kept: Item[] = [];
    let range: Range | undefined;
    let count = 0;
    for (const item of this.#items.slice(0, -1)) {
      if (this.#size <= this.#mostWaiting / 2) break;
      count += 1;
      this.#size -= sizeOf(item);
      if ('to' in item) range = item;
      else if ('fact' in item) {
        const { id } = JSON.parse(item.fact);
        if (range === undefined) range = { from: cursorBefore(id), to: id };
        else range.to = id;
      } else if ('text' in item) {
        this.#forgotten.set(item.messageId, item.attempt);
        if (item === this.#text) this.#text = undefined;
      } else if ('reasoning' in item) {
        if (item === this.#reasoning) this.#reasoning = undefined;
      } else if ('input' in item) {
        if (item === this.#input) this.#input = undefined;
      } else if ('live' in item && this.#matters(item.live)) {
        kept.push(item);
        this.#size += sizeOf(item);
      }
    }
    this.#items.splice(0, count, ...kept, ...(range ? [range] : []));
    this.#items = this.#items.filter((item) => !('text' in item) || this.#isWhole(item));
    if (range !== undefined && seqOf(range.to) - seqOf(range.from) > mostBehind) this.#startsOver?.();
  }

  /** False where the text before it was forgotten: it is told from the saved message. A later attempt begins anew. */
  #isWhole(item: Text): boolean {
    const { messageId, attempt, text } = item;
    if (this.#forgotten.get(messageId) !== attempt) {
      this.#forgotten.delete(messageId);
      return true;
    }
    this.#size -= text.length + itemSize;
    if (item === this.#text) this.#text = undefined;
    return false;
  }

  /** An attempt that was given up matters to whoever has seen a part of it; calls that wait matter to everybody. */
  #matters(json: string): boolean {
    const { type, messageId, attempt } = JSON.parse(json);
    if (type === 'task:tool_progress') return false;
    return type !== 'task:retry' || (this.#told.messageId === messageId && this.#told.attempt === attempt);
  }

  /** Settles when there is something to read, or the end. */
  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function seqOf(cursor: string): number {
  return Number.parseInt(cursor, 10);
}

function sizeOf(item: Item): number {
  if ('fact' in item) return item.fact.length + itemSize;
  if ('live' in item) return item.live.length + itemSize;
  if ('text' in item) return item.text.length + itemSize;
  if ('reasoning' in item) return item.reasoning.length + itemSize;
  if ('input' in item) return item.input.length + item.json.length + itemSize;
  return 0;
}

/** The payload of a delta beyond the task's id. */
export function deltaOf(messageId: string, attempt: number, content: string, offset: number) {
  return { messageId, attempt, role: 'assistant' as const, content, offset, streaming: true as const };
}
