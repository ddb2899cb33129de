import module from '../engine.wasm?module';

/** The module that the runtime has compiled: edge functions may not compile bytes. */
export async function compileEngine(): Promise<WebAssembly.Module> {
  return module;
}
