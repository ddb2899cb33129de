import { TaskExecutionError } from './errors.js';
import { describeThrown } from './values.js';
import { type EngineInstance, loadEngine } from './wasm.js';

/** What lives in a wasm instance and has to end when the instance does. */
export interface Resident {
  /** The instance has panicked: abort what is open, settle what is promised. Called once. Does not throw. */
  perish(error: TaskExecutionError): void;
}

/**
 * What is alive in one wasm instance. After a panic its memory may be torn: nothing may enter it any more, and
 * everything that lives in it ends with ENGINE_PANIC.
 */
export class Ledger {
  readonly #instance: EngineInstance;
  readonly #residents = new Set<Resident>();
  #panicked: { message: string; place: string } | undefined;
  #dead: TaskExecutionError | undefined;

  constructor(instance: EngineInstance) {
    this.#instance = instance;
    instance.exports.onPanic((message: string, place: string) => {
      this.#panicked ??= { message, place };
    });
  }

  get exports(): EngineInstance['exports'] {
    return this.#instance.exports;
  }

  /** The panic that ended the instance. */
  get dead(): TaskExecutionError | undefined {
    return this.#dead;
  }

  add(resident: Resident): void {
    this.#residents.add(resident);
  }

  remove(resident: Resident): void {
    this.#residents.delete(resident);
  }

  /**
   * Runs what enters the wasm; undefined where the instance is dead or dies of it. No host callback throws into the
   * engine, so whatever comes out of it is a trap.
   */
  enter<T>(work: () => T): T | undefined {
    if (this.#dead !== undefined) return undefined;
    try {
      return work();
    } catch (trap) {
      this.die(trap);
      return undefined;
    }
  }

  /** What `enter` does with what comes out of the engine; for calls too frequent to be wrapped. */
  die(trap: unknown): void {
    // A panic within a callback of the engine comes by twice.
    if (this.#dead !== undefined) return;
    const { message, place } = this.#panicked ?? {
      message: describeThrown(trap).message,
      place: 'unknown place',
    };
    const error = new TaskExecutionError(
      'ENGINE_PANIC',
      `The engine panicked at ${place}: ${message}. Everything stored is safe: run the task again to take it up. ` +
        'This is a defect of task-execution-engine, please report it.',
      { details: { place, panic: message }, cause: trap },
    );
    this.#dead = error;
    this.#instance.retire();
    const residents = [...this.#residents];
    this.#residents.clear();
    for (const resident of residents) resident.perish(error);
  }
}

const ledgers = new WeakMap<EngineInstance, Ledger>();

/** The ledger of an instance that works, loading one where there is none. */
export async function openLedger(): Promise<Ledger> {
  let instance = await loadEngine();
  // One that panicked while we were on our way to it.
  while (instance.retired) instance = await loadEngine();
  let ledger = ledgers.get(instance);
  if (ledger === undefined) {
    ledger = new Ledger(instance);
    ledgers.set(instance, ledger);
  }
  return ledger;
}
