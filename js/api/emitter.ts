import { EventEmitter } from '#events';
import { setTimeout } from '../platform.js';
import type { TaskEventMap, TaskEventName } from '../types.js';
import { overhear } from '../values.js';

/** A listener of an event by name. */
export type TaskListener<Name extends TaskEventName> = (payload: TaskEventMap[Name]) => void;

/** Any listener. */
export type AnyListener = (...args: any[]) => void;

/**
 * A name that is none of the package's: any but `task:…` as a literal, in which it would be a typo. Names in variables of
 * type `string` pass.
 */
export type OtherEvent<Event extends string | symbol> = Event extends TaskEventName
  ? Event
  : Event extends `task:${string}`
    ? TaskEventName
    : Event;

/** The methods of the runtime's `EventEmitter`, typed for the events of tasks. */
export interface TypedEmitter {
  /** Calls back at every such event. */
  on<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  /** The same for names of the app's own, for names in variables, and for listeners that expect less or more. */
  on<Event extends string | symbol>(event: OtherEvent<Event>, listener: AnyListener): this;
  /** Calls back at the next such event. */
  once<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  /** The same for names of the app's own, for names in variables, and for listeners that expect less or more. */
  once<Event extends string | symbol>(event: OtherEvent<Event>, listener: AnyListener): this;
  /** Takes back one `on` or `once`. */
  off<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  /** The same for names of the app's own, for names in variables, and for listeners that expect less or more. */
  off<Event extends string | symbol>(event: OtherEvent<Event>, listener: AnyListener): this;
  /** The same as `on`. */
  addListener<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  /** The same for names of the app's own, for names in variables, and for listeners that expect less or more. */
  addListener<Event extends string | symbol>(event: OtherEvent<Event>, listener: AnyListener): this;
  /** The same as `off`. */
  removeListener<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  /** The same for names of the app's own, for names in variables, and for listeners that expect less or more. */
  removeListener<Event extends string | symbol>(event: OtherEvent<Event>, listener: AnyListener): this;
  /** As `on`, before the listeners that are there. */
  prependListener<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  /** The same for names of the app's own, for names in variables, and for listeners that expect less or more. */
  prependListener<Event extends string | symbol>(event: OtherEvent<Event>, listener: AnyListener): this;
  /** As `once`, before the listeners that are there. */
  prependOnceListener<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  /** The same for names of the app's own, for names in variables, and for listeners that expect less or more. */
  prependOnceListener<Event extends string | symbol>(event: OtherEvent<Event>, listener: AnyListener): this;
  /** Takes back all listeners of an event, or of all. */
  removeAllListeners(event?: string | symbol): this;
  /** Calls the listeners at once; false where there is none. */
  emit<Name extends TaskEventName>(event: Name, payload: TaskEventMap[Name]): boolean;
  /** The same for events of the app's own. */
  emit<Event extends string | symbol>(event: OtherEvent<Event>, ...args: any[]): boolean;
  /** The events that have listeners. */
  eventNames(): (string | symbol)[];
  /** How many listeners an event has. */
  listenerCount(event: string | symbol): number;
  /** Copies of the list of listeners. */
  listeners(event: string | symbol): AnyListener[];
  /** The same with the wrappers of `once`. */
  rawListeners(event: string | symbol): AnyListener[];
  /** Above so many listeners of one event Node warns of a leak; 0: never. */
  setMaxListeners(count: number): this;
  /** What `setMaxListeners` set, else 10. */
  getMaxListeners(): number;
}

const Base: new () => TypedEmitter = EventEmitter as never;

/** Told what a listener threw, or what its promise rejected with. */
export type OnListenerError = (error: unknown, event: string) => void;

/**
 * The runtime's own `EventEmitter`. Listeners of `task:…` events cannot break the engine or each other: what they throw
 * goes to `onListenerError`.
 */
export class TaskEmitter extends Base {
  /** Calls the listeners at once; false where there is none. Everything that the engine announces comes through here. */
  override emit<Name extends TaskEventName>(event: Name, payload: TaskEventMap[Name]): boolean;
  /** The same for events of the app's own. */
  override emit<Event extends string | symbol>(event: OtherEvent<Event>, ...args: any[]): boolean;
  override emit(event: string | symbol, ...args: any[]): boolean {
    if (typeof event !== 'string' || !event.startsWith('task:')) return super.emit(event, ...args);
    const listeners = this.rawListeners(event);
    for (const listener of listeners) {
      try {
        const returned: unknown = listener.apply(this, args);
        overhear(returned, (error) => reportListenerError(this, error, event));
      } catch (error) {
        reportListenerError(this, error, event);
      }
    }
    return listeners.length > 0;
  }
}

const handlers = new WeakMap<TaskEmitter, () => OnListenerError | undefined>();

/** Where what this emitter's listeners throw goes; looked up when it happens. */
export function onListenerErrorOf(emitter: TaskEmitter, handler: () => OnListenerError | undefined): void {
  handlers.set(emitter, handler);
}

/** Never throws: what the handler throws surfaces as an uncaught exception of its own. */
export function reportListenerError(emitter: TaskEmitter, error: unknown, event: string): void {
  try {
    const handler = handlers.get(emitter)?.();
    if (handler === undefined) console.error(`A listener of ${event} failed:`, error);
    else handler(error, event);
  } catch (rethrown) {
    setTimeout(() => {
      throw rethrown;
    }, 0);
  }
}
