import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { outputOf, root } from '../package/pack.js';
import { projectOf, shown, textOf } from './project.js';
import { anchorsOf, readPage } from './snippets.js';

const consumer = inject('consumer');
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

describe.each(pages)('%s', (path) => {
  const text = readFileSync(join(root, path), 'utf8');
  const page = readPage(text);
  const snippets = [...page.snippets].map(([name, snippet]) => ({ name, ...snippet }));
  const ran = snippets.filter(({ typesOnly }) => !typesOnly);
  let project: string;

  beforeAll(async () => {
    project = await projectOf(consumer, page.snippets);
  });

  test('every code block is marked: it is run, compared or checked, unless it is a picture', () => {
    expect(page.unmarked.filter((block) => !isPicture(block))).toEqual([]);
  });

  const compiled = snippets.length > 0 ? ['packed'] : [];
  test.each(compiled)('the snippets compile against the %s types', async () => {
    await expect(outputOf(join(root, 'node_modules/.bin/tsc'), ['-p', project], project)).resolves.toBe('');
  });

  test.each(ran)(
    'the snippet $name prints what the page shows',
    async ({ name, code, isJavaScript, isJsx, outputs }) => {
      const file = isJsx ? `${name}.js` : `${name}.mjs`;
      // otherwise what the compiler made of it
      if (isJavaScript) await writeFile(join(project, `${name}.mjs`), code);
      for (const output of outputs) expect(await shown(file, project)).toBe(output);
      if (outputs.length > 0) return;
      const output = await shown(file, project);
      if (code.includes("from 'node:test'")) {
        expect(output).toMatch(/^. pass [1-9]\d*$/m);
        expect(output).toMatch(/^. (fail|skipped|todo) 0$/m);
      }
    },
  );

  test('files that the page shows are as they are in the repository', () => {
    for (const [file, shownText] of page.files)
      expect(readFileSync(join(root, file), 'utf8'), file).toBe(shownText);
  });

  test('what the page links to exists, headings included', async () => {
    for (const [, file = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)) {
      const target = file === '' ? path : join(dirname(path), file);
      await expect(stat(join(root, target)), target).resolves.toBeDefined();
      if (anchor !== undefined) expect(anchorsOf(await textOf(target)), target).toContain(anchor);
    }
  });

  test('the scripts of npm that the page names exist', async () => {
    const { stages } = await import(join(root, 'scripts/lib/stages.mjs'));
    const named = [...text.matchAll(/npm (?:run ([\w:]+)|(test)\b)/g)].flatMap(
      ([, run, test]) => run ?? test ?? [],
    );
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
    for (const line of page.commands.filter((line) => /^npx .*task-execution-engine/.test(line))) {
      const [, command = ''] = line.match(/^npx (?:-p \S+ )*task-execution-engine (\w+)/) ?? [];
      expect(help, line).toMatch(new RegExp(`\\b${command || 'no command'}\\b`));
      for (const [option] of line.matchAll(/--\w+/g)) expect(help, line).toContain(option);
    }
  });

  test('nothing else is in the shell blocks', () => {
    const known = /^(npm (run [\w:]+|test|install)|npx (-p \S+ )*task-execution-engine)\b/;
    const filesOfTests = page.commands.flatMap(
      (line) => line.match(/^npx vitest run --project \w+ (\S+)$/)?.[1] ?? [],
    );
    filesOfTests.push(
      ...page.commands.flatMap((line) => {
        const [, name] = line.match(/^cargo test --test (\w+)$/) ?? [];
        return name === undefined ? [] : `tests/${name}.rs`;
      }),
    );
    for (const file of filesOfTests) expect(existsSync(join(root, file)), file).toBe(true);
    const others = page.commands.filter((line) => !known.test(line));
    expect(others.length).toBe(filesOfTests.length);
    const scripts = [...text.matchAll(/`node (\w+)\.mjs`/g)].map(([, name]) => name);
    expect(scripts.filter((name) => !page.snippets.has(name ?? ''))).toEqual([]);
  });
});

function isPicture({ language, body }: { language: string; body: string }): boolean {
  // diffs are compared with what tests/package/dropin.test.ts does
  return (
    ['mermaid', 'diff'].includes(language) || (['text', ''].includes(language) && /[─│┌└▶▼▲◀]/.test(body))
  );
}
