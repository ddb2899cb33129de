import { Failure } from './run.mjs';

const needed = [
  'function __wbg_get_imports()',
  'function __wbg_finalize_init(instance, module)',
  'let wasmModule, wasmInstance, wasm;',
];
/** Looked up at each call by the glue as it comes: what a test fakes would take the engine along. */
const fromPlatform = ['queueMicrotask', 'setTimeout', 'clearTimeout', 'TextEncoder', 'TextDecoder'];
const lastExport = 'export { initSync, __wbg_init as default };';

/**
 * wasm-bindgen's web glue keeps one instance in module-level variables, for ever. This turns the module into a
 * function that makes that state afresh, so that an engine that panicked can be replaced by a new one, and so that
 * what still points to the old one (callbacks of promises and timers, finalizers) runs into nothing instead of
 * into the new one's memory.
 */
export function makeGlueModule(glue) {
  for (const text of [...needed, lastExport]) {
    if (!glue.includes(text))
      throw new Failure(`the glue of wasm-bindgen has changed: '${text}' is not in it`);
  }
  const imports = [];
  const names = [];
  const body = glue
    .replace(lastExport, '')
    .replace(/^import .*$/gm, (line) => {
      imports.push(line);
      return '';
    })
    .replace(/^export (function|class|const) (\w+)/gm, (_, kind, name) => {
      names.push(name);
      return `${kind} ${name}`;
    });
  const left = body.match(/^(?:import|export)\b.*$/m);
  if (left)
    throw new Failure(`the glue of wasm-bindgen has a statement that the build does not know: ${left[0]}`);
  return `${imports.join('\n')}
// What calls into a retired instance get; glue that expects several values finds zeros in it.
const NOTHING = Object.freeze([0, 0, 0, 0]);

export function createGlue({ ${fromPlatform.join(', ')} }) {
${body}
  function retire() {
    const inert = {};
    for (const [name, value] of Object.entries(wasm)) inert[name] = typeof value === 'function' ? () => NOTHING : value;
    wasm = inert;
  }
  return { exports: { ${names.join(', ')} }, imports: __wbg_get_imports, adopt: __wbg_finalize_init, retire };
}
`;
}

export function makeGlueTypes() {
  return `import type * as glue from './engine-types.js';

/** What the Rust side exports, as wasm-bindgen describes it. */
export type EngineExports = Omit<typeof glue, 'default' | 'initSync'>;

/** The JavaScript side of one instance. */
export interface Glue {
  readonly exports: EngineExports;
  imports(): WebAssembly.Imports;
  /** Makes an instance that was given \`imports()\` this glue's; returns its raw exports. */
  adopt(instance: WebAssembly.Instance, module: WebAssembly.Module): glue.InitOutput;
  /** Replaces the raw exports by functions that do nothing. */
  retire(): void;
}

/** What the glue takes from outside instead of from the global object. */
export interface GluePlatform {
  queueMicrotask(fn: () => void): void;
  setTimeout: unknown;
  clearTimeout: unknown;
  TextEncoder: typeof globalThis.TextEncoder;
  TextDecoder: typeof globalThis.TextDecoder;
}

export function createGlue(platform: GluePlatform): Glue;
`;
}
