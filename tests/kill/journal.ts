import type { JournalEntry } from '../../js/index.js';

/** The facts of a kind in an entry, in order. */
export const factsOf = ({ data }: JournalEntry, kind: string): any[] =>
  (data as { facts: { kind: string }[] }).facts.filter((fact) => fact.kind === kind);

/** What a check says where it is wrong. */
export const wrong = (is: boolean, what: string): string[] => (is ? [what] : []);
