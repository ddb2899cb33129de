import module from '../engine.wasm';

/** The module that the runtime has compiled: workerd compiles no bytes. */
export async function compileEngine(): Promise<WebAssembly.Module> {
  return module;
}
