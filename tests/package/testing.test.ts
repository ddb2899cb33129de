import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, inject, test } from 'vitest';
import { projectOf } from '../docs/project.js';
import { outputOf, root } from './pack.js';

let folder: string;

beforeAll(async () => {
  folder = await projectOf(inject('consumer'), new Map());
  await symlink(join(root, 'node_modules/vitest'), join(folder, 'node_modules/vitest'));
});

const conformance = (runner: string) => `
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '${runner}';
import { memoryStore } from 'task-execution-engine';
import { sqliteStore } from 'task-execution-engine/sqlite';
import { storeConformance } from 'task-execution-engine/testing';

const file = () => join(mkdtempSync('store-'), 'tasks.sqlite');
for (const { name, run } of storeConformance(() => ({ store: memoryStore() }))) test('memory: ' + name, run);
for (const { name, run } of storeConformance(() => ({ store: sqliteStore(file()) }))) test('SQLite: ' + name, run, 20_000);
`;

test('the conformance suite runs under vitest, against the stores of the package', async () => {
  await writeFile(join(folder, 'stores.test.mjs'), conformance('vitest'));
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const output = await outputOf(process.execPath, [vitest, 'run', '--root', folder, '--no-color'], folder);
  expect(output).toMatch(/^ +Tests +(48|[5-9]\d|\d{3}) passed \(\1\)$/m);
});

test('the conformance suite fails a store that breaks the contract', async () => {
  await writeFile(
    join(folder, 'broken.mjs'),
    `import { test } from 'node:test';
     import { memoryStore } from 'task-execution-engine';
     import { storeConformance } from 'task-execution-engine/testing';
     const broken = () => {
       const store = memoryStore();
       return { store: { ...store, commit: (writes) => store.commit(writes.map(({ ifVersion, ...write }) => write)) } };
     };
     for (const { name, run } of storeConformance(broken)) test(name, run);`,
  );
  const output = await failing(['broken.mjs']);
  expect(output).toMatch(/^not ok \d+ - an update holds only at the version that was read$/m);
  expect(output).toMatch(/^not ok \d+ - twenty racers for one version have one winner$/m);
  expect(output).toMatch(/^ok \d+ - text is kept to the letter$/m);
});

test('what a listener throws under a test host fails the test', async () => {
  await writeFile(
    join(folder, 'listener.mjs'),
    `import assert from 'node:assert/strict';
     import { test } from 'node:test';
     import { createTestHost } from 'task-execution-engine/testing';
     test('a listener with a claim', async () => {
       const t = createTestHost({ turns: ['Done.'] });
       const executor = t.executor();
       executor.on('task:message', ({ content }) => assert.equal(content, 'Something else.'));
       await executor.start();
       await new Promise((resolve) => setTimeout(resolve, 20));
     });`,
  );
  expect(await failing(['listener.mjs'])).toMatch(/Something else\./);
});

/** What a script prints that ends with an error. */
function failing(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: folder }, (error, stdout) => {
      if (error === null) reject(new Error(`${args.join(' ')} succeeded:\n${stdout}`));
      else resolve(stdout);
    });
  });
}
