import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { outputOf, root } from '../package/pack.js';

const folder = inject('specs');

/** Types of every entry, but for those that rest on the types of an SDK, which has its own demands. */
const entries = Object.keys(packageJson.exports)
  .filter((name) => !['./package.json', './restate'].includes(name))
  .map((name, i) => `export type * as entry${i} from '${name.replace('.', 'task-execution-engine')}';\n`)
  .join('');

const resolutions = {
  node: { module: 'esnext', moduleResolution: 'node' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
};
const compilers: [
  version: string,
  install: string,
  resolutions: (keyof typeof resolutions)[],
  more: object,
][] = [
  ['5.4', 'typescript54', ['node', 'bundler', 'nodenext'], {}],
  // the last one that knows it
  ['6.0', 'typescript60', ['node', 'bundler', 'nodenext'], { ignoreDeprecations: '6.0' }],
  ['7.0', 'typescript70', ['bundler', 'nodenext'], {}],
];
const cases = compilers.flatMap(([version, install, known, more]) =>
  known.map((name) => ({ version, install, name, options: { ...resolutions[name], ...more } })),
);

test.each(cases)(
  'the app compiles, strictly, with TypeScript $version and moduleResolution $name',
  async ({ version, install, name, options }) => {
    const project = join(folder, `types-${version}-${name}`);
    await rm(project, { recursive: true, force: true });
    await mkdir(project);
    await cp(join(root, 'tests/specs/app/src'), join(project, 'src'), { recursive: true });
    await writeFile(join(project, 'src/entries.ts'), entries);
    await writeFile(join(project, 'package.json'), JSON.stringify({ private: true }));
    const compilerOptions = {
      ...options,
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
      target: 'es2022',
      lib: ['es2022', 'dom'],
      types: ['node'],
      paths: { '@/*': ['./src/*'] },
    };
    // The runners' own types need newer compilers.
    const exclude = ['src/**/__tests__', 'src/test/timers.ts', 'src/test/faked-before-the-import.ts'];
    await writeFile(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, include: ['src'], exclude }),
    );
    const [compiler, printed] = [
      await outputOf(process.execPath, [join(folder, 'node_modules', install, 'bin/tsc'), '-v'], project),
      await outputOf(
        process.execPath,
        [join(folder, 'node_modules', install, 'bin/tsc'), '-p', '.'],
        project,
      ),
    ];
    expect(compiler).toContain(`Version ${version}.`);
    expect(printed).toBe('');
  },
);

test('the specs compile with the types that mocks of the app have', async () => {
  const project = join(folder, 'types-specs');
  await rm(project, { recursive: true, force: true });
  await mkdir(project);
  await cp(join(root, 'tests/specs/app/src'), join(project, 'src'), { recursive: true });
  await cp(join(root, 'tests/specs/recipe/vitest.spec.ts'), join(project, 'src/recipe.spec.ts'));
  await writeFile(join(project, 'package.json'), JSON.stringify({ private: true }));
  const compilerOptions = {
    ...resolutions.bundler,
    strict: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
    target: 'es2022',
    lib: ['es2023', 'dom'],
    types: ['node'],
    paths: { '@/*': ['./src/*'] },
  };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  const tsc = join(folder, 'node_modules/typescript60/bin/tsc');
  expect(await outputOf(process.execPath, [tsc, '-p', '.'], project)).toBe('');
});
