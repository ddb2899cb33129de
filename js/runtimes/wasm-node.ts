import { readFileSync } from 'node:fs';
import { wasmByteLength } from '../generated/wasm-length.js';

/**
 * Compiles the file in the package. A bundle that has left it behind carries the inlined form, which takes 8 ms longer to
 * unpack.
 */
export async function compileEngine(): Promise<WebAssembly.Module> {
  const bytes = fileInPackage();
  if (bytes !== undefined) return new WebAssembly.Module(bytes);
  const inlined = await import('./wasm-inlined.js');
  return inlined.compileEngine();
}

/** Undefined where there is none, or another: from a bundle the path leads anywhere, and tests put fakes in place of `fs`. */
function fileInPackage(): Uint8Array<ArrayBuffer> | undefined {
  try {
    const bytes = readFileSync(new URL('../engine.wasm', import.meta.url));
    return bytes?.byteLength === wasmByteLength ? bytes : undefined;
  } catch {
    return undefined;
  }
}
