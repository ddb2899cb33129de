import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { failuresOf, reportOf, type Start } from './runner.js';

const folder = join(inject('specs'), 'leftover');
/** More than there are workers: in each worker a file comes after another one. */
const files = ['a', 'b', 'c', 'd'];

/** Awaits nothing of a run that ends within the next file. */
const careless = `
const { createTestHost } = require('task-execution-engine/testing');
test('leaves a run behind', async () => {
  const slow = { description: 'd', inputSchema: { type: 'object' }, execute: () => new Promise((done) => setTimeout(done, 300)) };
  const host = createTestHost({ turns: [{ tools: [{ name: 'slow', input: {} }] }, 'Done.'], tools: { slow } });
  void host.executor().start();
  await new Promise((resolve) => setTimeout(resolve, 250));
});
`;

test("a run that nobody awaited takes nothing of the next file along where Jest 30 deletes a file's globals (jestjs/jest#16403, #15678)", async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "commonjs" }');
  for (const name of files) await writeFile(join(folder, `${name}.spec.js`), careless);
  const command = ['node_modules/jest/bin/jest.js'];
  const start: Start = { name: 'Jest 30, leftover', runner: 'jest', command };
  const project = {
    rootDir: folder,
    testMatch: ['**/*.spec.js'],
    testEnvironmentOptions: { globalsCleanup: 'on' },
  };
  const report = await reportOf(start, [project]);
  expect(failuresOf(report)).toBe('');
  expect(report.testResults.map(({ status }) => status)).toEqual(files.map(() => 'passed'));
});
