import { compileEngine } from '#wasm';
import { TaskExecutionError } from './errors.js';
import { createGlue, type EngineExports } from './generated/engine.js';
import { clearTimeout, queueMicrotask, setTimeout, TextDecoder, TextEncoder } from './platform.js';

export type { EngineExports };

/** One instance of the engine's wasm. All runs of a module share one until it panics. */
export interface EngineInstance {
  readonly generation: number;
  /** What Rust exports. Of a retired instance every export returns at once and does nothing. */
  readonly exports: EngineExports;
  readonly retired: boolean;
  /**
   * Takes an instance that has panicked out of use: its memory may be torn, so nothing may run in it any more,
   * the promise callbacks and timers that it still has included. The next `loadEngine()` makes a fresh one.
   */
  retire(): void;
}

let compiled: Promise<WebAssembly.Module> | undefined;
let current: Promise<EngineInstance> | undefined;
let generations = 0;

/**
 * The engine of this module, compiled and instantiated at the first call. A failure (wasm forbidden by a content
 * security policy, no memory) rejects with ENGINE_UNAVAILABLE, and the next call tries again.
 */
export function loadEngine(): Promise<EngineInstance> {
  current ??= instantiate();
  return current;
}

async function instantiate(): Promise<EngineInstance> {
  try {
    compiled ??= compileEngine();
    const module = await compiled;
    const glue = createGlue({ queueMicrotask, setTimeout, clearTimeout, TextEncoder, TextDecoder });
    glue.adopt(await WebAssembly.instantiate(module, glue.imports()), module);
    generations += 1;
    let retired = false;
    return {
      generation: generations,
      exports: glue.exports,
      get retired() {
        return retired;
      },
      retire() {
        if (retired) return;
        retired = true;
        glue.retire();
        current = undefined;
      },
    };
  } catch (cause) {
    compiled = undefined;
    current = undefined;
    throw engineUnavailable(cause);
  }
}

function engineUnavailable(cause: unknown): TaskExecutionError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const hint = /unsafe-eval|content security policy|code generation/i.test(reason)
    ? " Allow 'wasm-unsafe-eval' in the content security policy's script-src."
    : '';
  const message = `The engine's wasm could not be loaded: ${reason}.${hint}`;
  return new TaskExecutionError('ENGINE_UNAVAILABLE', message, { cause, retryable: true });
}

/** The version of the engine that this package carries. */
export async function version(): Promise<string> {
  return (await loadEngine()).exports.version();
}
