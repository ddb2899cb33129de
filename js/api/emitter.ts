import { EventEmitter } from '#events';
import type { TaskEventMap, TaskEventName } from '../types.js';

/** A listener of an event by name. */
export type TaskListener<Name extends TaskEventName> = (payload: TaskEventMap[Name]) => void;

/** Any listener. */
export type AnyListener = (...args: any[]) => void;

/** The methods of the runtime's `EventEmitter`, typed for the events of tasks. */
export interface TypedEmitter {
  on<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  on(event: string | symbol, listener: AnyListener): this;
  once<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  once(event: string | symbol, listener: AnyListener): this;
  off<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  off(event: string | symbol, listener: AnyListener): this;
  addListener<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  addListener(event: string | symbol, listener: AnyListener): this;
  removeListener<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  removeListener(event: string | symbol, listener: AnyListener): this;
  prependListener<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  prependListener(event: string | symbol, listener: AnyListener): this;
  prependOnceListener<Name extends TaskEventName>(event: Name, listener: TaskListener<Name>): this;
  prependOnceListener(event: string | symbol, listener: AnyListener): this;
  removeAllListeners(event?: string | symbol): this;
  emit<Name extends TaskEventName>(event: Name, payload: TaskEventMap[Name]): boolean;
  emit(event: string | symbol, ...args: any[]): boolean;
  eventNames(): (string | symbol)[];
  listenerCount(event: string | symbol): number;
  listeners(event: string | symbol): AnyListener[];
  rawListeners(event: string | symbol): AnyListener[];
  setMaxListeners(count: number): this;
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
  override emit<Name extends TaskEventName>(event: Name, payload: TaskEventMap[Name]): boolean;
  override emit(event: string | symbol, ...args: any[]): boolean;
  override emit(event: string | symbol, ...args: any[]): boolean {
    if (typeof event !== 'string' || !event.startsWith('task:')) return super.emit(event, ...args);
    const listeners = this.rawListeners(event);
    for (const listener of listeners) {
      try {
        const returned: unknown = listener.apply(this, args);
        if (returned instanceof Promise) returned.catch((error) => reportListenerError(this, error, event));
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
  const handler = handlers.get(emitter)?.();
  try {
    if (handler === undefined) console.error(`A listener of ${event} failed:`, error);
    else handler(error, event);
  } catch (rethrown) {
    setTimeout(() => {
      throw rethrown;
    }, 0);
  }
}
