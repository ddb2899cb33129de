import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { outputOf, packInto, root } from '../../package/pack.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'task-execution-engine-newest-'));
  const { tarball } = await packInto(folder);
  for (const name of ['package.json', 'package-lock.json', 'conformance.mjs', 'types.mts']) {
    await cp(fileURLToPath(new URL(name, import.meta.url)), join(folder, name));
  }
  await outputOf('npm', ['ci', '--no-fund', '--no-audit'], folder);
  await outputOf('npm', ['install', '--no-fund', '--no-audit', '--no-save', tarball], folder);
}, 240_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ['@google-cloud/firestore', '9.'],
  ['firebase-admin', '14.'],
])(
  'the newest %s, which needs Node 22, holds the store contract in the installed package',
  async (sdk, release) => {
    const node = join(folder, 'node_modules/.bin/node');
    const report = await outputOf(node, ['conformance.mjs', sdk, inject('firestore')], folder);
    const { node: version, version: installed, passed, broken } = JSON.parse(report);
    expect(broken).toEqual([]);
    expect(passed).toBeGreaterThan(20);
    expect(version).toMatch(/^22\./);
    expect(installed.startsWith(release)).toBe(true);
  },
  120_000,
);

test('the types of both are what the store takes', async () => {
  const options =
    '--strict --exactOptionalPropertyTypes --module NodeNext --target ES2022 --noEmit --skipLibCheck';
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  const arguments_ = [...options.split(' '), ...types, 'types.mts'];
  await expect(outputOf(join(root, 'node_modules/.bin/tsc'), arguments_, folder)).resolves.toBe('');
}, 120_000);
