/** What the engine needs of an AbortSignal where the platform's types have none. */
export interface StructuralAbortSignal {
  readonly aborted: boolean;
  readonly reason: any;
  onabort: any;
  /** Throws the reason once it is aborted. */
  throwIfAborted(): void;
  /** Calls back at 'abort'. */
  addEventListener(type: string, listener: any, options?: any): void;
  /** Takes that back. */
  removeEventListener(type: string, listener: any, options?: any): void;
  /** As every EventTarget has it. */
  dispatchEvent(event: any): boolean;
}

/**
 * The platform's `AbortSignal`, whichever library declares it (the DOM's, Node's, workerd's); the members that matter
 * where none does, so that the package's types compile without any of them.
 */
export type AbortSignalLike = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : StructuralAbortSignal;
