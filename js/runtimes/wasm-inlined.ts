import { builtin } from '../builtin.js';
import { wasmByteLength, wasmDeflatedBase64 } from '../generated/wasm-inlined.js';

/** Compiles the wasm that is inlined in this module; needs neither files nor the network. */
export async function compileEngine(): Promise<WebAssembly.Module> {
  const { inflateRawSync } = builtin('node:zlib');
  // Node's own inflation and compiling without a trip to another thread take 2 ms, what browsers have takes 15.
  if (inflateRawSync) {
    return new WebAssembly.Module(inflateRawSync(Buffer.from(wasmDeflatedBase64, 'base64')));
  }
  return WebAssembly.compile(await inflate(decodeBase64(wasmDeflatedBase64), wasmByteLength));
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(
  deflated: Uint8Array<ArrayBuffer>,
  byteLength: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { readable, writable } = new DecompressionStream('deflate-raw');
  const writer = writable.getWriter();
  const bytes = new Uint8Array(byteLength);
  const writeAll = async () => {
    await writer.write(deflated);
    await writer.close();
  };
  const readAll = async () => {
    const reader = readable.getReader();
    let filled = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes.set(part.value, filled);
      filled += part.value.length;
    }
  };
  await Promise.all([writeAll(), readAll()]);
  return bytes;
}
