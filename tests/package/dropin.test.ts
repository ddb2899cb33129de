import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { different, sameForBoth } from '../dropin/expected.js';
import { outputOf, root } from './pack.js';

const app = join(root, 'tests/dropin/app');
const schemas = join(root, 'tests/specs/app/src/schemas');
const oldImport = "\nimport { TaskExecutor } from './lib/task-execution/TaskExecutor.js';\n";
const newImport = "\nimport { TaskExecutor } from 'task-execution-engine';\n";

type Engine = keyof typeof different;

const node16 = { module: 'node16', moduleResolution: 'node16' };
const bundler = { module: 'esnext', moduleResolution: 'bundler', noEmit: true };
const withNode = { lib: ['es2022'], types: ['node'], typeRoots: [join(root, 'node_modules/@types')] };
const withoutNode = { lib: ['es2022', 'dom'], types: [], noEmit: true };

/** The app in a project of its own, with the change that its developer makes to use the package instead. */
async function projectOf(engine: Engine, type: 'module' | 'commonjs'): Promise<string> {
  const folder = await mkdtemp(join(inject('consumer'), 'app-'));
  await cp(app, folder, { recursive: true });
  await cp(schemas, join(folder, 'schemas'), { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type }));
  if (engine === 'the package') {
    for (const name of ['uses.ts', 'node-uses.ts']) {
      const [before, after, ...more] = (await readFile(join(folder, name), 'utf8')).split(oldImport);
      expect(after !== undefined && more.length === 0, `${name} imports the old class once`).toBe(true);
      await writeFile(join(folder, name), before + newImport + after);
    }
    await cp(join(root, 'tests/dropin/configure.ts'), join(folder, 'configure.ts'));
    const main = await readFile(join(folder, 'main.ts'), 'utf8');
    await writeFile(join(folder, 'main.ts'), `import './configure.js';\n${main}`);
  }
  return folder;
}

/** @throws Error with what the compiler has to say */
async function compile(folder: string, more: object, files = ['main.ts']): Promise<void> {
  const strict = { strict: true, skipLibCheck: false, target: 'es2022', rootDir: '.', outDir: 'out' };
  const config = { compilerOptions: { ...strict, ...more }, files };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  await outputOf(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], folder);
}

describe.each(['the old class', 'the package'] as const)(
  'an app written for the old class, on %s',
  (engine) => {
    test.each(['module', 'commonjs'] as const)(
      'compiles for node16 as %s, and runs as it always did',
      async (type) => {
        const folder = await projectOf(engine, type);
        await compile(folder, { ...node16, ...withNode });
        const seen = JSON.parse(await outputOf(process.execPath, ['out/main.js'], folder));
        expect(seen).toEqual({ ...sameForBoth, ...different[engine] });
      },
    );

    test('compiles for bundlers', async () => {
      await compile(await projectOf(engine, 'module'), { ...bundler, ...withNode });
    });
  },
);

test.each([
  ['node16', 'module', node16],
  ['node16', 'commonjs', node16],
  ['bundlers', 'module', bundler],
] as const)("on the package it compiles for %s (%s) without Node's types", async (_, type, resolution) => {
  const folder = await projectOf('the package', type);
  await compile(folder, { ...resolution, ...withoutNode }, ['uses.ts', 'configure.ts']);
});

test('README shows the change that these apps have seen', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  expect(readme).toContain(`\`\`\`diff\n-${oldImport.trim()}\n+${newImport.trim()}\n\`\`\``);
});

test('rolled back, the old class goes on with the first item that is not done; rolled forward, the engine does', async () => {
  const folder = await projectOf('the old class', 'module');
  for (const name of ['configure.ts', 'rollback.ts']) {
    await cp(join(root, 'tests/dropin', name), join(folder, name));
  }
  await compile(folder, { ...node16, ...withNode }, ['rollback.ts']);
  expect(JSON.parse(await outputOf(process.execPath, ['out/rollback.js'], folder))).toEqual({
    ours: ['item-1'],
    oldClass: ['item-2'],
    asTheOldClassSeesIt: { status: 'paused', completed: ['item-1'], messages: 0 },
    oursAgain: ['item-2', 'item-3'],
    inTheEnd: { status: 'completed', completed: ['item-1', 'item-2', 'item-3'], messages: 1 },
  });
});
