/** What `using` needs, where the platform's types know of it; nothing elsewhere, so that they need not. */
export type DisposableLike = SymbolConstructor extends { readonly dispose: infer Key extends symbol }
  ? { [K in Key]: () => void }
  : unknown;
