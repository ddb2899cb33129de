/** Compares places in the journal: `'{seq}.{n}'` of an event, `'{seq}'` behind all of an entry. */
export function isAfter(id: string, cursor: string): boolean {
  const [seq = 0, n = Infinity] = id.split('.').map(Number);
  const [otherSeq = 0, otherN = Infinity] = cursor.split('.').map(Number);
  return seq > otherSeq || (seq === otherSeq && n > otherN);
}
