import { ownTimer } from './gauges.mjs';

/** Milliseconds: whatever is promised settles within, by far, also where the machine has other things to do. */
const boundMs = 300_000;

/** The promise itself, or an error that says what did not settle. */
export function bounded(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = ownTimer(() => reject(new Error(`${what} did not settle within ${boundMs} ms`)), boundMs);
  });
  return Promise.race([promise, late]).finally(() => timer.close());
}
