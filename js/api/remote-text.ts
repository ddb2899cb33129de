import type { TaskEvent } from '../types.js';
import { deltaOf } from './feed.js';

/** The text so far of a turn that streams in another process: its end, from `offset` on. */
export interface LiveText {
  messageId: string;
  attempt: number;
  /** Where in the message it begins, in UTF-16 units. */
  offset: number;
  content: string;
}

/** Makes deltas of what another process stores of its turn under way. */
export class RemoteText {
  readonly #taskId: string;
  #told: { messageId: string; attempt: number; until: number } | undefined;
  #saved: string | undefined;

  constructor(taskId: string) {
    this.#taskId = taskId;
  }

  /** The message of which something was told and nothing is saved yet. */
  get unsaved(): string | undefined {
    return this.#told?.messageId;
  }

  /** A fact has the whole text: what is stored of it is older. */
  saved(messageId: string): void {
    this.#saved = messageId;
    if (this.#told?.messageId === messageId) this.#told = undefined;
  }

  /** What of it was not told yet. Where more was said than is kept, there is a gap: `offset` tells. */
  delta(live: LiveText | undefined): TaskEvent | undefined {
    if (live === undefined || live.messageId === this.#saved) return undefined;
    const { messageId, attempt, offset, content } = live;
    const told = this.#told;
    const same = told?.messageId === messageId && told.attempt === attempt;
    // A late write: the attempt after it was told already.
    if (told?.messageId === messageId && told.attempt > attempt) return undefined;
    const from = same ? Math.max(told.until - offset, 0) : 0;
    const text = content.slice(from);
    if (text === '') return undefined;
    this.#told = { messageId, attempt, until: offset + content.length };
    return {
      type: 'task:message',
      taskId: this.#taskId,
      ...deltaOf(messageId, attempt, text, offset + from),
    };
  }
}
