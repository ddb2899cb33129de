import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'rolldown';
import { expect, inject, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { outputOf, root } from './pack.js';

const files = inject('tarballFiles');
const installed = join(inject('consumer'), 'node_modules/task-execution-engine');

/** Every file that the package's manifest points to. */
function filesOf(manifest: unknown): string[] {
  if (typeof manifest === 'string') return manifest.startsWith('./pkg/') ? [manifest.slice(2)] : [];
  if (typeof manifest !== 'object' || manifest === null) return [];
  return Object.values(manifest).flatMap(filesOf);
}

test('the tarball has every file that package.json points to', () => {
  const { exports, imports, bin, main, module, types } = packageJson;
  const wanted = filesOf([
    exports,
    imports,
    Object.values(bin).map((path) => `./${path}`),
    main,
    module,
    types,
  ]);
  expect(wanted.filter((path) => !files.includes(path))).toEqual([]);
});

test('the tarball has the build output, the readme, the licences and nothing else', () => {
  const expected =
    /^(pkg\/.*\.(js|cjs|d\.ts|d\.cts|wasm)|pkg\/demo\/(plan\.json|sample\/.*)|pkg\/README\.md|pkg\/THIRD-PARTY-LICENSES\.txt|README\.md|firestore\.(browser\.)?rules|firestore\.indexes\.json|LICENSE-\w+|package\.json)$/;
  expect(files.filter((path) => !expected.test(path))).toEqual([]);
  expect(files).toEqual(
    expect.arrayContaining([
      'LICENSE-APACHE',
      'LICENSE-MIT',
      'pkg/engine.wasm',
      'pkg/THIRD-PARTY-LICENSES.txt',
      'package.json',
      'firestore.rules',
      'firestore.browser.rules',
      'firestore.indexes.json',
    ]),
  );
});

test('the licences of others come along: of the crates in the wasm, and of the packages that are inlined', async () => {
  const text = await readFile(join(installed, 'pkg/THIRD-PARTY-LICENSES.txt'), 'utf8');
  const named = [...text.matchAll(/^(\S+) \d\S* \((crate|npm), (.+)\)$/gm)].map(
    ([, name, from, licence]) => ({
      name,
      from,
      licence,
    }),
  );
  const from = (kind: string) => named.filter((each) => each.from === kind).map(({ name }) => name);
  expect(from('npm')).toEqual(expect.arrayContaining(['events', 'log-update', 'yoctocolors']));
  expect(from('crate')).toEqual(expect.arrayContaining(['serde', 'serde_json', 'wasm-bindgen', 'indexmap']));
  expect(from('crate')).not.toContain('serde_derive');
  expect(named.filter(({ licence }) => !/MIT|Apache-2\.0|Zlib|ISC|BSD/.test(licence ?? ''))).toEqual([]);
  expect(text).toContain('The Rust standard library');
});

test('nothing in the package names a path of the machine that built it', async () => {
  const home = process.env.HOME;
  for (const path of files.filter((path) => path.startsWith('pkg/'))) {
    const content = await readFile(join(installed, path), 'latin1');
    expect(content.includes(root), path).toBe(false);
    if (home !== undefined && home.length > 1) expect(content.includes(`${home}/`), path).toBe(false);
  }
});

test('the default entry asks a browser for nothing of Node', async () => {
  const { output } = await build({
    input: 'task-execution-engine',
    cwd: dirname(dirname(installed)),
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  const chunks = output.filter((part) => part.type === 'chunk');
  expect(chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports])).toEqual([]);
});

test('publint finds nothing to complain about', async () => {
  const { publint } = await import('publint');
  const { messages } = await publint({ pkgDir: installed, pack: false, strict: true });
  expect(messages).toEqual([]);
});

test('types resolve from ES modules, from CommonJS and for bundlers (attw)', async () => {
  const attw = join(root, 'node_modules/.bin/attw');
  await outputOf(attw, [inject('tarball'), '--profile', 'node16', '--format', 'ascii'], root);
});
