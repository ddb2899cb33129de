/**
 * Bytes that a document's text and a commit may have. Firestore takes documents of 1 MiB and requests of 10 MiB
 * (https://firebase.google.com/docs/firestore/quotas); the rest is left for names, times and the encoding. The emulator
 * takes requests of 4 MiB.
 */
export function firestoreLimits(emulator: boolean): { documentBytes: number; commitBytes: number } {
  return { documentBytes: 1_000_000, commitBytes: emulator ? 3_500_000 : 9_000_000 };
}
