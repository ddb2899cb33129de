import { loadEngine } from './wasm.js';

/** The version of the engine that this package carries. */
export async function version(): Promise<string> {
  return (await loadEngine()).exports.version();
}
