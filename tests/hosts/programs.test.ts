import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { outputOf } from '../package/pack.js';
import { install, runIn } from './app.js';
import { journeyTest, lockedVersion, program, scratch } from './journey.js';

let app: string;
let data: string;

beforeAll(async () => {
  app = await install('journey');
  data = await scratch('data');
});

let files = 0;

/** Runs a program twice, the second time with what it has told of the task the first time. */
function journeyOf(
  runtime: { name: string; version?: string; way: string },
  command: string[],
  main: () => string,
): void {
  const file = `${++files}.sqlite`;
  journeyTest({ ...runtime, store: 'SQLite' }, async (taskId) => {
    const task = taskId === undefined ? [] : [taskId];
    const [run = '', ...args] = [...command, main(), join(data, file), ...task];
    return JSON.parse(await outputOf(run, args, data));
  });
}

const versionOf = async (name: string) =>
  (await outputOf(program(name), ['--version'], '/')).match(/\d+\.\d+\.\d+/)?.[0] ?? '';

for (const name of ['node20', 'node22', 'node24']) {
  const node = { name: 'Node.js', version: await versionOf(name) };
  journeyOf({ ...node, way: 'ES module' }, [program(name)], () => join(app, 'main.mjs'));
  journeyOf({ ...node, way: 'CommonJS' }, [program(name)], () => join(app, 'main.cjs'));
}

journeyOf(
  { name: 'Deno', version: await versionOf('deno'), way: 'ES module' },
  // not of the package's own files
  [program('deno'), 'run', '--no-prompt', '--allow-read=.', '--allow-write=.'],
  () => join(app, 'main.mjs'),
);
journeyOf({ name: 'Bun', version: await versionOf('bun'), way: 'ES module' }, [program('bun'), 'run'], () =>
  join(app, 'main.mjs'),
);
journeyOf({ name: 'Bun', version: await versionOf('bun'), way: 'CommonJS' }, [program('bun'), 'run'], () =>
  join(app, 'main.cjs'),
);

describe('compiled by Bun', async () => {
  let folder: string;

  beforeAll(async () => {
    folder = await scratch('bun');
    await outputOf(
      program('bun'),
      ['build', '--compile', 'main.mjs', '--outfile', join(folder, 'program')],
      app,
    );
  });

  const bun = { name: 'Bun', version: await versionOf('bun') };
  journeyOf({ ...bun, way: 'single file' }, [], () => join(folder, 'program'));
});

describe('bundled for Node', async () => {
  const esbuild = { name: 'esbuild for Node.js', version: await lockedVersion('journey', 'esbuild') };
  const ncc = { name: 'ncc', version: await lockedVersion('journey', '@vercel/ncc') };
  const node = [program('node22')];
  let bundles: string;

  beforeAll(async () => {
    bundles = await scratch('bundles');
    const esbuilt = (main: string, format: string, out: string) =>
      runIn(app, 'esbuild', [main, '--bundle', '--platform=node', `--format=${format}`, `--outfile=${out}`]);
    const printed = [
      await esbuilt('main.mjs', 'esm', join(bundles, 'esm/main.mjs')),
      await esbuilt('main.cjs', 'cjs', join(bundles, 'cjs/main.cjs')),
      await runIn(app, 'ncc', ['build', 'main.mjs', '-o', join(bundles, 'ncc')]),
    ];
    expect(printed.join('')).not.toMatch(/warn|error/i);
  });

  journeyOf({ ...esbuild, way: 'ES module' }, node, () => join(bundles, 'esm/main.mjs'));
  journeyOf({ ...esbuild, way: 'CommonJS' }, node, () => join(bundles, 'cjs/main.cjs'));
  journeyOf({ ...ncc, way: 'ES module' }, node, () => join(bundles, 'ncc/index.mjs'));

  test('esbuild leaves the file of the wasm behind, and ncc takes it along', async () => {
    expect(await readdir(bundles, { recursive: true })).toEqual(
      expect.arrayContaining(['esm', 'esm/main.mjs', 'cjs', 'cjs/main.cjs', 'ncc', 'ncc/engine.wasm']),
    );
    expect(await readdir(join(bundles, 'esm'))).toEqual(['main.mjs']);
  });
});

describe.each([
  ['ES module', 'version.mjs', "import { version } from 'task-execution-engine';"],
  ['CommonJS', 'version.cjs', "const { version } = require('task-execution-engine');"],
])('the engine as %s on Node', (_, main, load) => {
  let folder: string;
  let pkg: string;

  beforeEach(async () => {
    folder = await scratch('file');
    pkg = join(folder, 'node_modules/task-execution-engine/pkg');
    await cp(join(app, 'node_modules/task-execution-engine'), dirname(pkg), { recursive: true });
    await writeFile(join(folder, main), `${load}\nversion().then(console.log);\n`);
  });

  const version = async () => (await outputOf(process.execPath, [main], folder)).trim();
  const inlined = () =>
    rm(join(pkg, 'runtimes', main.replace('version', 'wasm-inlined').replace('.mjs', '.js')));
  const file = () => join(pkg, 'engine.wasm');

  test('is read from its file, and needs no other form', async () => {
    await inlined();
    expect(await version()).toBe(packageJson.version);
  });

  test('is unpacked from its inlined form where the file is not there', async () => {
    await rm(file());
    expect(await version()).toBe(packageJson.version);
    await inlined();
    await expect(version()).rejects.toThrow('wasm-inlined');
  });

  test('is unpacked where another file is in its place', async () => {
    await writeFile(file(), 'of somebody else');
    expect(await version()).toBe(packageJson.version);
  });
});
