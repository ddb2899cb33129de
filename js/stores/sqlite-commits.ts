import { monotonicMs, platformCrypto, setImmediate } from '../platform.js';
import type { AbortSignalLike, StoreWrite } from '../types.js';
import { type Changes, checkSignal, localLimits, planCommit, type Row, StoreError } from './documents.js';
import { type Database, isBusy } from './sqlite-driver.js';

/** A transaction that has taken so long takes no more commits: the event loop stands still meanwhile. */
const fullAfterMs = 50;

interface Waiting {
  readonly batch: StoreWrite[];
  readonly signal: AbortSignalLike | undefined;
  resolve(done: { version: string }): void;
  reject(error: unknown): void;
}

/** What the commits of a store are made by. */
export interface CommitWork {
  /** Runs synchronous work on the database; waits while another process holds the lock. */
  use(work: (database: Database) => void): Promise<void>;
  /** Runs the work in a transaction that writes. Where either fails, nothing of it is stored. */
  transact(database: Database, work: () => void): void;
  find(database: Database): (path: string) => Row | undefined;
  write(database: Database, changes: Changes, version: string): void;
  translate(error: unknown): unknown;
  /** Documents have changed. */
  changed(paths: Iterable<string>): void;
}

/**
 * Commits that arrive together, or while others are being made, share a transaction, and with it the one time that the
 * disk is waited for. Each keeps its own conditions and sees what those before it wrote; one that is refused writes
 * nothing and leaves the others alone. None settles before its transaction is on disk.
 */
export class SharedCommits {
  readonly #work: CommitWork;
  readonly #waiting = new Set<Waiting>();
  /** So many of the next ones get a transaction each: that of all of them failed, and each shall hear its own reason. */
  #alone = 0;
  #making: Promise<void> | undefined;

  constructor(work: CommitWork) {
    this.#work = work;
  }

  /** Settles when what was added is stored or refused. */
  get idle(): Promise<void> {
    return this.#making ?? Promise.resolve();
  }

  add(batch: StoreWrite[], signal: AbortSignalLike | undefined): Promise<{ version: string }> {
    return new Promise((resolve, reject) => {
      this.#waiting.add({ batch, signal, resolve, reject });
      this.#making ??= this.#makeAll();
    });
  }

  async #makeAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      // whatever else is due in this turn of the event loop may commit too
      await new Promise<void>((resume) => void (setImmediate(resume) || resume()));
      const asked = [...this.#waiting];
      try {
        await this.#work.use((database) => this.#make(database));
      } catch (error) {
        // those that came meanwhile have not waited as long
        for (const one of asked) this.#refuse(one, error);
      }
    }
    this.#making = undefined;
  }

  /** Throws where the lock is held by others; then nothing has happened. */
  #make(database: Database): void {
    const group = this.#wanted();
    if (group.length === 0) return;
    const settle: (() => void)[] = [];
    try {
      this.#work.transact(database, () => {
        const began = monotonicMs();
        for (const one of group) {
          settle.push(this.#plan(database, one));
          if (monotonicMs() - began > fullAfterMs) break;
        }
      });
    } catch (error) {
      if (isBusy(error)) throw error;
      if (group.length === 1) this.#refuse(group[0] as Waiting, this.#work.translate(error));
      this.#alone = group.length === 1 ? Math.max(0, this.#alone - 1) : group.length;
      return;
    }
    this.#alone = Math.max(0, this.#alone - settle.length);
    for (const tell of settle) tell();
  }

  /** Those whose callers still wait. */
  #wanted(): Waiting[] {
    for (const one of this.#waiting) {
      try {
        checkSignal(one.signal);
      } catch (error) {
        this.#refuse(one, error);
      }
    }
    const waiting = [...this.#waiting];
    return this.#alone > 0 ? waiting.slice(0, 1) : waiting;
  }

  /** Writes a commit, or nothing of it; returns what tells its caller. */
  #plan(database: Database, one: Waiting): () => void {
    let changes: Changes;
    try {
      changes = planCommit(one.batch, this.#work.find(database), localLimits);
    } catch (error) {
      if (error instanceof StoreError) return () => this.#refuse(one, error);
      throw error;
    }
    const version = platformCrypto().randomUUID();
    this.#work.write(database, changes, version);
    return () => {
      this.#waiting.delete(one);
      this.#work.changed(changes.keys());
      one.resolve({ version });
    };
  }

  #refuse(one: Waiting, error: unknown): void {
    if (this.#waiting.delete(one)) one.reject(error);
  }
}
