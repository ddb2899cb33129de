import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { root } from '../package/pack.js';
import { failuresOf, reportOf } from './runner.js';

const folder = inject('specs');

test.each([
  ['29', 'node_modules/jest29'],
  ['30', 'node_modules/jest'],
])('under Jest %s, CommonJS, the optional peers are found', async (version, runner) => {
  const rootDir = join(folder, `peers-${version}`);
  await rm(rootDir, { recursive: true, force: true });
  await mkdir(rootDir);
  await writeFile(join(rootDir, 'package.json'), JSON.stringify({ private: true }));
  await cp(join(root, 'tests/specs/peers.cjs'), join(rootDir, 'peers.test.cjs'));
  const start = {
    name: `Jest ${version}, peers`,
    runner: 'jest' as const,
    command: [`${runner}/bin/jest.js`],
  };
  const report = await reportOf(start, [{ rootDir, testMatch: ['**/*.test.cjs'], transform: {} }]);
  expect(failuresOf(report)).toBe('');
  expect(report.testResults.map(({ assertionResults }) => assertionResults.length)).toEqual([4]);
});
