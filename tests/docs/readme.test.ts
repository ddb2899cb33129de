import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, expect, inject, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { outputOf, root } from '../package/pack.js';
import { readPage, rowsOf } from './snippets.js';

const consumer = inject('consumer');
const readme = await readFile(join(root, 'README.md'), 'utf8');
const page = readPage(readme);
const snippets = [...page.snippets].map(([name, snippet]) => ({ name, ...snippet }));
const ran = snippets.filter(({ typesOnly }) => !typesOnly);
/** A user's project: the packed package, and what the page says to install beside it. */
let project: string;

beforeAll(async () => {
  project = await mkdtemp(join(consumer, 'readme-'));
  const installed = 'node_modules/task-execution-engine';
  await cp(join(consumer, installed), join(project, installed), { recursive: true });
  for (const name of ['libsql', '@aws-sdk/client-bedrock-runtime']) {
    const path = join('node_modules', name);
    await mkdir(dirname(join(project, path)), { recursive: true });
    await symlink(join(root, path), join(project, path));
  }
  const compilerOptions = {
    strict: true,
    skipLibCheck: true,
    target: 'ES2022',
    module: 'NodeNext',
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  // a snippet without an import of its own still is a module
  for (const { name, code } of snippets)
    await writeFile(join(project, `${name}.mts`), `${code}\nexport {};\n`);
});

/** What a terminal would show of it. */
function shown(script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script], { cwd: project });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(`${output}Killed`);
      else if (code === 0 && errors === '') resolve(output.trimEnd());
      else reject(new Error(`${script} ended with ${code ?? signal}:\n${output}${errors}`));
    });
  });
}

test('every code block is marked: it is run, compared or checked', () => {
  expect(page.unmarked).toEqual([expect.stringMatching(/^text: +your app/)]);
  expect(ran.length).toBeGreaterThan(5);
});

test('the snippets compile against the packed types', async () => {
  await expect(outputOf(join(root, 'node_modules/.bin/tsc'), ['-p', project], project)).resolves.toBe('');
});

test.each(ran)(
  'the snippet $name prints what the page shows',
  async ({ name, code, isJavaScript, outputs }) => {
    // otherwise what the compiler made of it
    if (isJavaScript) await writeFile(join(project, `${name}.mjs`), code);
    if (outputs.length === 0) await shown(`${name}.mjs`);
    for (const output of outputs) expect(await shown(`${name}.mjs`)).toBe(output);
  },
);

test('the scripts of npm that the page names exist', async () => {
  const { stages } = await import(join(root, 'scripts/lib/stages.mjs'));
  const named = [...readme.matchAll(/npm (?:run (\w+)|(test)\b)/g)].flatMap(
    ([, run, test]) => run ?? test ?? [],
  );
  expect(named).toEqual(expect.arrayContaining(['demo', 'test', 'build', 'lint']));
  expect(named.filter((name) => !(name in packageJson.scripts))).toEqual([]);
  const chosen = page.commands.flatMap((line) => line.match(/^npm test -- (.*)/)?.[1]?.split(' ') ?? []);
  expect(chosen.filter((stage) => !(stage in stages))).toEqual([]);
});

test('the packages that the page installs are this one and its optional peers', () => {
  const known = [packageJson.name, ...Object.keys(packageJson.peerDependencies)];
  const installed = page.commands.flatMap((line) => line.match(/^npm install (.*)/)?.[1]?.split(' ') ?? []);
  const fetched = page.commands.flatMap((line) => [...line.matchAll(/ -p (\S+)/g)].map(([, name]) => name));
  expect([...installed, ...fetched].filter((name) => !known.includes(name ?? ''))).toEqual([]);
});

test('the commands of npx are known to the packed command, options included', async () => {
  const [bin = ''] = Object.keys(packageJson.bin);
  const help = await outputOf(join(consumer, 'node_modules/.bin', bin), ['--help'], consumer);
  const lines = page.commands.filter((line) => line.startsWith('npx '));
  expect(lines).not.toEqual([]);
  for (const line of lines) {
    const [, args = ''] = line.match(/^npx (?:-p \S+ )*task-execution-engine (.*)$/) ?? [];
    expect(args, line).toMatch(/^demo\b/);
    for (const [option] of args.matchAll(/--\w+/g)) expect(help).toContain(option);
  }
});

test('nothing else is in the shell blocks', () => {
  const known = /^(npm (run \w+|test|install)|npx (-p \S+ )*task-execution-engine)\b/;
  expect(page.commands.filter((line) => !known.test(line))).toEqual([]);
  const scripts = [...readme.matchAll(/`node (\w+)\.mjs`/g)].map(([, name]) => name);
  expect(scripts.filter((name) => !page.snippets.has(name ?? ''))).toEqual([]);
});

test('the tables name every event and every error code, and no other', async () => {
  const events = await readFile(join(root, 'js/types/events.ts'), 'utf8');
  const errors = await readFile(join(root, 'js/errors.ts'), 'utf8');
  const eventNames = [...events.matchAll(/^ {2}'(task:\w+)'/gm)].map(([, name]) => name);
  const codes = [...errors.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code]) => code);
  expect(rowsOf(readme, 'Events').sort()).toEqual(eventNames.sort());
  expect(rowsOf(readme, 'Errors').sort()).toEqual(codes.sort());
});

test('files that the page links to exist', async () => {
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].flatMap(([, path]) => path ?? []);
  expect(links).toContain('ARCHITECTURE.md');
  for (const path of links) expect((await stat(join(root, path))).isFile(), path).toBe(true);
});
