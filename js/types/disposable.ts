/** What `using` asks for, where the platform's types have `Symbol.dispose`; nothing where they do not. */
export type DisposableLike = SymbolConstructor extends { readonly dispose: infer Key extends symbol }
  ? { [Member in Key]: () => void }
  : Record<never, never>;
