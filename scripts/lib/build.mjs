import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeGlueModule, makeGlueTypes } from './glue.mjs';
import { thirdPartyLicences } from './licences.mjs';
import { root, run } from './run.mjs';
import { addWasmTarget, checkNode, checkRust, installPackages } from './setup.mjs';
import { step } from './stamps.mjs';

const generated = 'js/generated';
const scratch = '.tools/glue';
const wasmInputs = [
  'src',
  'Cargo.toml',
  'Cargo.lock',
  'tools/wasm-build/Cargo.toml',
  'tools/wasm-build/src/glue.rs',
];
const tableInputs = ['src/error.rs', 'src/lifecycle.rs', 'tools/wasm-build/src/lifecycle_table.rs'];
const panicking = '.tools/panicking';
const buildScripts = ['scripts/lib/build.mjs', 'scripts/lib/glue.mjs', 'scripts/lib/licences.mjs'];

/** Builds what is out of date of `js/generated/` and `pkg/`; says whether anything was. */
export async function build() {
  checkNode();
  await installPackages();
  const wasmMade = await step(
    'wasm',
    {
      inputs: [...wasmInputs, ...buildScripts],
      outputs: [
        'engine.js',
        'engine.d.ts',
        'engine-types.d.ts',
        'wasm-inlined.ts',
        'wasm-length.ts',
        'engine.wasm',
      ].map((name) => `${generated}/${name}`),
    },
    buildWasm,
  );
  const tableMade = await step(
    'lifecycle table',
    { inputs: [...tableInputs, ...buildScripts], outputs: [`${generated}/lifecycle-table.ts`] },
    buildLifecycleTable,
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
        'Cargo.lock',
        ...buildScripts,
      ],
      outputs: [
        'pkg/index.js',
        'pkg/index.cjs',
        'pkg/index.d.ts',
        'pkg/index.d.cts',
        'pkg/engine.wasm',
        'pkg/THIRD-PARTY-LICENSES.txt',
      ],
    },
    buildWrapper,
  );
  return wasmMade || tableMade || wrapperMade;
}

async function buildWasm() {
  await addWasmTarget();
  const wasm = await compileWasm(['--release']);
  await makeGlue(wasm);
  mkdirSync(join(root, generated), { recursive: true });
  const optimised = join(root, generated, 'engine.wasm');
  await run('node', [
    join(root, 'node_modules/binaryen/bin/wasm-opt'),
    // Control flow made anew out of flat code takes half a percent less, gzipped.
    ...['-Oz', '--flatten', '--rereloop', '-Oz', '-Oz'],
    // Functions with one caller are inlined up to this size: without a limit, what is inlined compresses far worse.
    '--one-caller-inline-max-function-size=14',
    // The first KB is the far end of the stack: no sum of an address and an offset wraps around into it.
    '--low-memory-unused',
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
  const bytes = readFileSync(optimised);
  write('wasm-inlined.ts', await inlinedWasm(bytes));
  write('wasm-length.ts', `export const wasmByteLength: number = ${bytes.length};\n`);
}

/** An engine that panics when it is told to, for tests only; in the profile that other tests have compiled anyway. */
export async function buildPanickingEngine() {
  const output = join(root, panicking);
  await step(
    'panicking engine',
    {
      inputs: [...wasmInputs, ...buildScripts],
      outputs: [`${panicking}/engine.js`, `${panicking}/engine.wasm`],
    },
    async () => {
      await addWasmTarget();
      await makeGlue(await compileWasm(['--profile', 'test', '--features', 'provoke-panic']));
      mkdirSync(output, { recursive: true });
      writeFileSync(
        join(output, 'engine.js'),
        makeGlueModule(readFileSync(join(root, scratch, 'engine.js'), 'utf8')),
      );
      copyFileSync(join(root, scratch, 'engine_bg.wasm'), join(output, 'engine.wasm'));
    },
  );
}

/** wasm-bindgen's glue and the wasm that goes with it, in the scratch folder. */
async function makeGlue(wasm) {
  rmSync(join(root, scratch), { recursive: true, force: true });
  await runTool('glue', [wasm, scratch, 'engine']);
}

/** Compiles the crate for wasm and returns the path of the artifact. */
async function compileWasm(options) {
  const args = ['build', ...options, '--locked', '--lib', '--target', 'wasm32-unknown-unknown'];
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

/** Zopfli looks longer for the same format: a twentieth less than zlib at its best. */
async function inlinedWasm(bytes) {
  const { deflateAsync } = await import('@gfx/zopfli');
  const base64 = Buffer.from(await deflateAsync(bytes, { numiterations: 5, blocksplittingmax: 0 })).toString(
    'base64',
  );
  return `export const wasmByteLength: number = ${bytes.length};\nexport const wasmDeflatedBase64: string =\n  '${base64}';\n`;
}

/** The table of statuses and commands, from the one source that the engine itself follows. */
async function buildLifecycleTable() {
  await checkRust();
  const table = JSON.stringify(JSON.parse(await runTool('lifecycle-table', [], { capture: true })), null, 2);
  writeFileSync(
    join(root, generated, 'lifecycle-table.ts'),
    `export const lifecycleTable = ${table} as const;\n`,
  );
}

/** Runs a program of tools/wasm-build, compiled without debug information: that is a third of the time. */
function runTool(name, args, options) {
  const command = ['run', '--quiet', '--locked', '-p', 'wasm-build', '--bin', name, '--', ...args];
  return run('cargo', command, { ...options, env: { CARGO_PROFILE_DEV_DEBUG: '0' } });
}

async function buildWrapper() {
  const pkg = join(root, 'pkg');
  for (const name of readdirSync(pkg)) {
    if (name !== 'README.md') rmSync(join(pkg, name), { recursive: true });
  }
  await run('node', [join(root, 'node_modules/tsdown/dist/run.mjs'), '--log-level', 'warn']);
  attachComments();
  copyFileSync(join(root, generated, 'engine.wasm'), join(pkg, 'engine.wasm'));
  writeFileSync(join(pkg, 'THIRD-PARTY-LICENSES.txt'), await thirdPartyLicences());
}

/**
 * Inside of an object type without a name the bundler prints what is said of a member at the end of the line before it,
 * where it belongs to nothing and no editor shows it.
 */
function attachComments() {
  const folder = join(root, 'pkg');
  for (const name of readdirSync(folder).filter((name) => /\.d\.c?ts$/.test(name))) {
    const path = join(folder, name);
    const types = readFileSync(path, 'utf8');
    writeFileSync(path, types.replace(/; (\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\n/g, ';\n$1\n'));
  }
}
