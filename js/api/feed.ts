import type { TaskEvent, TaskOutcome } from '../types.js';
import type { RunListener } from './registry.js';

type Item =
  | { fact: string }
  | { messageId: string; attempt: number; text: string }
  | { outcome: TaskOutcome };

/** Events between a run and a reader who may be slow: all facts are kept, deltas that wait are merged. */
export class Feed implements RunListener {
  readonly #taskId: string;
  readonly #items: Item[] = [];
  #wake: (() => void) | undefined;
  #over = false;

  constructor(taskId: string) {
    this.#taskId = taskId;
  }

  event(json: string): void {
    this.#put({ fact: json });
  }

  delta(messageId: string, attempt: number, text: string): void {
    const last = this.#items.at(-1);
    if (last !== undefined && 'text' in last && last.messageId === messageId && last.attempt === attempt) {
      last.text += text;
    } else {
      this.#put({ messageId, attempt, text });
    }
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

  /** The next event; undefined at the end. */
  async next(): Promise<TaskEvent | undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) return this.#eventOf(item);
      if (this.#over) return undefined;
      await this.arrival();
    }
  }

  /** What is there now, without waiting. */
  take(): TaskEvent | undefined {
    const item = this.#items.shift();
    return item && this.#eventOf(item);
  }

  /** Settles when there is something to read, or the end. */
  arrival(): Promise<void> {
    if (this.#items.length > 0 || this.#over) return Promise.resolve();
    return new Promise((resolve) => {
      const before = this.#wake;
      this.#wake = () => {
        before?.();
        resolve();
      };
    });
  }

  #put(item: Item): void {
    this.#items.push(item);
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #eventOf(item: Item): TaskEvent {
    if ('fact' in item) return JSON.parse(item.fact);
    const taskId = this.#taskId;
    if ('outcome' in item) return { type: 'task:run_ended', taskId, outcome: item.outcome };
    return { type: 'task:message', taskId, ...deltaOf(item.messageId, item.attempt, item.text) };
  }
}

/** The payload of a delta beyond the task's id. */
export function deltaOf(messageId: string, attempt: number, content: string) {
  return { messageId, attempt, role: 'assistant' as const, content, streaming: true as const };
}
