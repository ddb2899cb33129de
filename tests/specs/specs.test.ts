import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { expect, inject, test } from 'vitest';
import { root } from '../package/pack.js';
import { type Dialect, inDialect } from './dialects.js';
import { type Project, runs } from './projects.js';
import { failuresOf, reportOf } from './runner.js';

const app = join(root, 'tests/specs/app/src');
const specs = 'lib/task-execution/__tests__';
const folder = inject('specs');

/** The app in the words of a runner. */
async function writeApp(name: string, dialect: Dialect): Promise<void> {
  const to = join(folder, name);
  await rm(to, { recursive: true, force: true });
  for (const entry of await readdir(app, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    const path = join(to, 'src', relative(app, from));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, inDialect(dialect, await readFile(from, 'utf8')));
  }
  // What docs/testing.md shows, as it stands there.
  const recipe = await readFile(join(root, `tests/specs/recipe/${dialect}.spec.ts`), 'utf8');
  await writeFile(join(to, 'src', specs, 'recipe.spec.ts'), recipe);
  const type = dialect === 'jest' ? 'commonjs' : 'module';
  await writeFile(join(to, 'package.json'), JSON.stringify({ private: true, type }));
}

function jestProject({ name, config }: Project): object {
  return {
    displayName: name,
    rootDir: join(folder, name),
    testMatch: ['**/*.spec.ts'],
    moduleFileExtensions: ['ts', 'js', 'cjs', 'mjs', 'json'],
    moduleNameMapper: { '^@/(.*)$': '<rootDir>/src/$1' },
    ...config,
  };
}

function vitestProject({ name, config }: Project): object {
  const alias = { '@': join(folder, name, 'src') };
  const root = join(folder, name);
  // In a process of its own Node's nextTick cannot be faked.
  return {
    root,
    resolve: { alias },
    test: { name, include: ['**/*.spec.ts'], pool: 'threads', testTimeout: 60_000, ...config },
  };
}

/** How many specs a file has: a table of them has a line for each. */
function countOf(text: string): number {
  const plain = text.match(/^ {2}it\(/gm) ?? [];
  const tables = [...text.matchAll(/^ {2}it\.each\(\[\n([\s\S]*?)^ {2}\]\)/gm)];
  return plain.length + tables.flatMap(([, lines = '']) => lines.match(/^ {4}\[/gm) ?? []).length;
}

/** The sentences of every spec, by file, as the source has them. */
async function sentences(): Promise<Map<string, number>> {
  const tests = join(app, specs);
  const counts = new Map<string, number>();
  for (const name of await readdir(tests)) {
    counts.set(name, countOf(await readFile(join(tests, name), 'utf8')));
  }
  return counts;
}

test('there are nine files of specs', async () => {
  expect((await sentences()).size).toBe(9);
});

test.each(runs)('the specs of an app pass under $name', async (run) => {
  for (const { name, dialect } of run.projects) await writeApp(name, dialect);
  const make = run.runner === 'jest' ? jestProject : vitestProject;
  const report = await reportOf(run, run.projects.map(make));
  expect(failuresOf(report)).toBe('');
  const passed = report.testResults.map(({ name, assertionResults }) => [
    relative(folder, name),
    assertionResults.length,
  ]);
  const expected = [...(await sentences()), ['recipe.spec.ts', 1]].flatMap(([file, count]) =>
    run.projects.map(({ name }) => [`${name}/src/${specs}/${file}`, count]),
  );
  expect(passed.sort()).toEqual(expected.sort());
});
