import type { TaskHandle } from '../client/client.js';
import type { TaskClientEvent } from '../client/events.js';

/** Who is told what happens in a task. */
export interface FollowingListener {
  event(event: TaskClientEvent): void;
  connected(isConnected: boolean): void;
  /** The task is over, and so are its events, as far as the server knows. */
  ended(): void;
  /** It cannot be followed: another try would not help. */
  lost(thrown: unknown): void;
}

/** Without a connection for so long, it is said. */
const patienceMs = 2_000;

/**
 * Follows a task for a page: a snapshot, and what happens from then on. Where the task has ended so has the stream; `wake()`
 * looks whether it goes on.
 */
export class Following {
  readonly #task: TaskHandle;
  readonly #history: number;
  readonly #listener: FollowingListener;
  /** The last fact that was told, or where the snapshot began. */
  #cursor: string | undefined;
  #gone: AbortController | undefined;
  #impatient: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #isLost = false;

  constructor(task: TaskHandle, history: number, listener: FollowingListener) {
    this.#task = task;
    this.#history = history;
    this.#listener = listener;
    globalThis.document?.addEventListener('visibilitychange', this.#onVisible);
  }

  readonly #onVisible = () => {
    if (document.visibilityState === 'visible') this.wake();
  };

  close(): void {
    this.#isClosed = true;
    globalThis.document?.removeEventListener('visibilitychange', this.#onVisible);
    clearTimeout(this.#impatient);
    this.#gone?.abort();
  }

  /** Follows on where the events had ended. */
  wake(): void {
    if (this.#gone === undefined && !this.#isClosed && !this.#isLost)
      void this.#follow(new AbortController());
  }

  /** Follows again after an error, or anew. */
  again(): void {
    this.#isLost = false;
    this.#gone?.abort();
    this.#gone = undefined;
    this.wake();
  }

  async #follow(gone: AbortController): Promise<void> {
    this.#gone = gone;
    const { signal } = gone;
    const isCurrent = () => this.#gone === gone && !this.#isClosed;
    try {
      const onConnection = (isConnected: boolean) => isCurrent() && this.#connection(isConnected);
      const how = { after: this.#cursor, history: this.#history, signal, onConnection };
      for await (const event of this.#task.events(how)) {
        if (!isCurrent()) return;
        const told = event.type === 'snapshot' ? event.cursor : event.id;
        if (told !== undefined) this.#cursor = told;
        this.#listener.event(event);
      }
      if (!isCurrent()) return;
      this.#connection(true);
      this.#listener.ended();
    } catch (thrown) {
      if (!isCurrent()) return;
      this.#isLost = true;
      this.#connection(false);
      this.#listener.lost(thrown);
    } finally {
      if (this.#gone === gone) this.#gone = undefined;
      gone.abort();
    }
  }

  /** A moment without a connection is nobody's business. */
  #connection(isConnected: boolean): void {
    clearTimeout(this.#impatient);
    this.#impatient = undefined;
    if (isConnected) this.#listener.connected(true);
    else this.#impatient = setTimeout(() => this.#listener.connected(false), patienceMs);
  }
}
