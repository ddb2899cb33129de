import { mkdtemp, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { outputOf, root } from './pack.js';

const consumer = inject('consumer');
const subpaths = Object.keys(packageJson.exports)
  .filter((path) => path !== './package.json')
  .map((path) => path.replace(/^\./, 'task-execution-engine'));

/** Writes a file into the consumer project and runs it. */
async function runs(file: string, source: string): Promise<string> {
  await writeFile(join(consumer, file), source);
  return (await outputOf(process.execPath, [file], consumer)).trim();
}

/** As ES module and as CommonJS, with the same exports. */
async function loads(subpath: string): Promise<void> {
  const name = subpath.replaceAll('/', '-');
  const imported = await runs(
    `${name}.mjs`,
    `import * as all from '${subpath}';\nconsole.log(Object.keys(all).sort().join());\n`,
  );
  const required = await runs(
    `${name}.cjs`,
    `const all = require('${subpath}');\nconsole.log(Object.keys(all).sort().join());\n`,
  );
  expect(imported).not.toBe('');
  expect(required).toBe(imported);
}

test('an ES module imports the package and gets a working engine', async () => {
  const source = "import { version } from 'task-execution-engine';\nconsole.log(await version());\n";
  expect(await runs('version.mjs', source)).toBe(packageJson.version);
});

test('a CommonJS module requires the package and gets a working engine', async () => {
  const source = "require('task-execution-engine').version().then((text) => console.log(text));\n";
  expect(await runs('version.cjs', source)).toBe(packageJson.version);
});

test.each(subpaths.filter((path) => path !== 'task-execution-engine/react'))(
  '%s loads without optional peers',
  (path) => loads(path),
);

test('task-execution-engine/react loads beside React', async () => {
  const react = join(consumer, 'node_modules/react');
  await symlink(join(root, 'node_modules/react'), react);
  await loads('task-execution-engine/react').finally(() => unlink(react));
});

/** They speak the web's own types: Request, Response, Headers. */
const ofTheWeb = ['server', 'client', 'react', 'react/testing'].map(
  (path) => `task-execution-engine/${path}`,
);

test.each([
  { name: 'with the DOM and without @types/node', lib: ['ES2022', 'DOM'], types: [] },
  { name: "with Node's types and without the DOM", lib: ['ES2023'], types: ['node'] },
  { name: 'with nothing but the language', lib: ['ES2022'], types: [] },
])('the types compile for users $name, libraries checked', async ({ lib, types }) => {
  const folder = await mkdtemp(join(consumer, 'types-'));
  const isBare = lib.length === 1 && types.length === 0;
  const source = subpaths
    .filter((path) => !isBare || !ofTheWeb.includes(path))
    .map((path, index) => `import * as all${index} from '${path}';\nvoid all${index};\n`)
    .join('');
  await writeFile(join(folder, 'esm.mts'), source);
  await writeFile(join(folder, 'cjs.cts'), source);
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    lib,
    types,
    typeRoots: [join(root, 'node_modules/@types')],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  await expect(outputOf(join(root, 'node_modules/.bin/tsc'), ['-p', folder], folder)).resolves.toBe('');
});
