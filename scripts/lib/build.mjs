import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { makeGlueModule, makeGlueTypes } from './glue.mjs';
import { root, run } from './run.mjs';
import { addWasmTarget, checkNode, installPackages } from './setup.mjs';
import { step } from './stamps.mjs';

const generated = 'js/generated';
const scratch = '.tools/glue';
const rustInputs = ['src', 'examples/lifecycle_table.rs', 'Cargo.toml', 'Cargo.lock', 'tools/wasm-build'];
const buildScripts = ['scripts/lib/build.mjs', 'scripts/lib/glue.mjs'];

/** Builds what is out of date of `js/generated/` and `pkg/`; says whether anything was. */
export async function build() {
  checkNode();
  await installPackages();
  const wasmMade = await step(
    'wasm',
    {
      inputs: [...rustInputs, ...buildScripts],
      outputs: [
        'engine.js',
        'engine.d.ts',
        'engine-types.d.ts',
        'wasm-inlined.ts',
        'lifecycle-table.ts',
        'engine.wasm',
      ].map((name) => `${generated}/${name}`),
    },
    buildWasm,
  );
  const wrapperMade = await step(
    'wrapper',
    {
      inputs: [
        'js',
        'tsdown.config.ts',
        'tsconfig.json',
        'package.json',
        'package-lock.json',
        ...buildScripts,
      ],
      outputs: ['pkg/index.js', 'pkg/index.cjs', 'pkg/index.d.ts', 'pkg/index.d.cts', 'pkg/engine.wasm'],
    },
    buildWrapper,
  );
  return wasmMade || wrapperMade;
}

async function buildWasm() {
  await addWasmTarget();
  const wasm = await compileWasm();
  rmSync(join(root, scratch), { recursive: true, force: true });
  await run('cargo', ['run', '--quiet', '--locked', '-p', 'wasm-build', '--', wasm, scratch, 'engine']);
  mkdirSync(join(root, generated), { recursive: true });
  const optimised = join(root, generated, 'engine.wasm');
  await run('node', [
    join(root, 'node_modules/binaryen/bin/wasm-opt'),
    '-Oz',
    '--strip-debug',
    '--strip-producers',
    join(root, scratch, 'engine_bg.wasm'),
    '-o',
    optimised,
  ]);
  const write = (name, text) => writeFileSync(join(root, generated, name), text);
  const read = (name) => readFileSync(join(root, scratch, name), 'utf8');
  write('engine.js', makeGlueModule(read('engine.js')));
  write('engine.d.ts', makeGlueTypes());
  write('engine-types.d.ts', read('engine.d.ts'));
  write('wasm-inlined.ts', inlinedWasm(readFileSync(optimised)));
  write('lifecycle-table.ts', await lifecycleTable());
}

/** Compiles the crate for wasm and returns the path of the artifact. */
async function compileWasm() {
  const args = ['build', '--release', '--locked', '--lib', '--target', 'wasm32-unknown-unknown'];
  const messages = await run('cargo', [...args, '--message-format=json-render-diagnostics'], {
    capture: true,
    env: { CARGO_ENCODED_RUSTFLAGS: withoutLocalPaths().join('\x1f') },
  });
  const wasm = messages.match(/"filenames":\[[^\]]*?"([^"]*task_execution_engine\.wasm)"/)?.[1];
  if (wasm === undefined) throw new Error('cargo built no task_execution_engine.wasm');
  return wasm;
}

/** Panic messages carry source paths: relative ones, the same on every machine, and no home folder's. */
function withoutLocalPaths() {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  return [`--remap-path-prefix=${cargoHome}=cargo`, `--remap-path-prefix=${root}/=`];
}

function inlinedWasm(bytes) {
  const base64 = deflateRawSync(bytes, { level: 9 }).toString('base64');
  return `export const wasmByteLength: number = ${bytes.length};\nexport const wasmDeflatedBase64: string =\n  '${base64}';\n`;
}

/** The table of statuses and commands, from the one source that the engine itself follows. */
async function lifecycleTable() {
  const json = await run('cargo', ['run', '--quiet', '--locked', '--example', 'lifecycle_table'], {
    capture: true,
  });
  return `export const lifecycleTable = ${JSON.stringify(JSON.parse(json), null, 2)} as const;\n`;
}

async function buildWrapper() {
  const pkg = join(root, 'pkg');
  for (const name of readdirSync(pkg)) {
    if (name !== 'README.md') rmSync(join(pkg, name), { recursive: true });
  }
  await run('node', [join(root, 'node_modules/tsdown/dist/run.mjs'), '--log-level', 'warn']);
  copyFileSync(join(root, generated, 'engine.wasm'), join(pkg, 'engine.wasm'));
}
