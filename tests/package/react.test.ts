import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'rolldown';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { outputOf, root } from './pack.js';

const consumer = inject('consumer');

test('the hooks and the client are at most 10 KB for a page, without the engine and without React', async () => {
  const folder = await mkdtemp(join(consumer, 'page-'));
  const page = join(folder, 'page.js');
  await writeFile(
    page,
    ['client', 'react'].map((name) => `export * from 'task-execution-engine/${name}';\n`).join(''),
  );
  const { output } = await build({
    input: page,
    platform: 'browser',
    external: ['react'],
    write: false,
    logLevel: 'silent',
    output: { minify: true },
  });
  const chunks = output.filter((part) => part.type === 'chunk');
  expect(chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports])).toEqual(['react']);
  const code = chunks.map((chunk) => chunk.code).join('');
  expect(code).not.toMatch(/WebAssembly|node:/);
  const bytes = gzipSync(code, { level: 9 }).byteLength;
  console.log(`client and hooks: ${bytes} bytes`);
  expect(bytes).toBeLessThanOrEqual(10_000);
});

/** Draws a page on the server, takes it over in a document, streams a text, pauses and leaves. */
const script = (load: string) => `
${load}
const h = React.createElement;
function Task() {
  const task = useTask('t');
  const lines = task.timeline.map((entry) => h('li', { key: entry.key }, (entry.message ?? entry.streaming)?.content));
  return h('main', { 'data-status': task.status }, h('ol', null, lines), h('button', { disabled: !task.can.pause, onClick: () => task.pause() }));
}
async function main() {
  const client = fakeTaskClient({ tasks: [{ id: 't', status: 'in_progress' }] });
  const page = h(React.StrictMode, null, h(TaskProvider, { client }, h(Task)));
  const html = renderToString(page);
  const { window } = new JSDOM('<div id="root">' + html + '</div>', { url: 'https://app.example/' });
  Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true });
  globalThis.navigator ??= window.navigator;
  const { hydrateRoot } = await loadClient();
  const act = React.act ?? (await loadActs()).act;
  const settled = (what) => act(async () => { await what(); await new Promise((resolve) => setTimeout(resolve, 80)); });
  let root;
  await settled(() => { root = hydrateRoot(window.document.getElementById('root'), page); });
  const seen = [];
  const look = () => seen.push(window.document.querySelector('main').dataset.status + ': ' + window.document.querySelector('ol').textContent);
  look();
  await settled(() => client.say('t', 'Hello'));
  look();
  await settled(() => window.document.querySelector('button').click());
  look();
  await settled(() => root.unmount());
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  console.log(JSON.stringify({ version: React.version, seen, watching: client.watching }));
  process.exit();
}
main();
`;
const esm = script(`
import * as React from 'react';
import { renderToString } from 'react-dom/server';
import { JSDOM } from 'jsdom';
import { TaskProvider, useTask } from 'task-execution-engine/react';
import { fakeTaskClient } from 'task-execution-engine/react/testing';
const loadClient = () => import('react-dom/client');
const loadActs = () => import('react-dom/test-utils');`);
const cjs = script(`
const React = require('react');
const { renderToString } = require('react-dom/server');
const { JSDOM } = require('jsdom');
const { TaskProvider, useTask } = require('task-execution-engine/react');
const { fakeTaskClient } = require('task-execution-engine/react/testing');
const loadClient = async () => require('react-dom/client');
const loadActs = async () => require('react-dom/test-utils');`);

describe.each(['18.3.0', '19.3.1'])('with React %s', (version) => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(consumer, 'react-'));
    await mkdir(join(folder, 'node_modules'));
    const installed = 'node_modules/task-execution-engine';
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true }));
    const wanted = [`react@${version}`, `react-dom@${version}`, 'jsdom@26.1.0'];
    await outputOf('npm', ['install', '--no-fund', '--no-audit', '--ignore-scripts', ...wanted], folder);
    await cp(join(consumer, installed), join(folder, installed), { recursive: true });
  });

  test.each([
    ['an ES module', 'page.mjs', esm],
    ['CommonJS', 'page.cjs', cjs],
  ])('a page of %s is drawn on the server, taken over, and follows its task', async (_kind, file, source) => {
    await writeFile(join(folder, file), source);
    const printed = await outputOf(process.execPath, [file], folder);
    expect(JSON.parse(printed)).toEqual({
      version,
      seen: ['in_progress: ', 'in_progress: Hello', 'paused: Hello'],
      watching: 0,
    });
  });
});

test('the hooks are types in strict projects, JSX included', async () => {
  const folder = await mkdtemp(join(consumer, 'jsx-'));
  await writeFile(
    join(folder, 'page.tsx'),
    `import { taskClient } from 'task-execution-engine/client';
import { TaskProvider, type TimelineEntry, useTask, useTasks } from 'task-execution-engine/react';
const client = taskClient({ url: '/api/tasks' });
const Entry = ({ entry }: { entry: TimelineEntry }) => (entry.type === 'tool' ? <b>{entry.tool.name}</b> : null);
function Page({ id }: { id: string }) {
  const { timeline, can, pause, plan } = useTask(id, { history: 50 });
  const { tasks } = useTasks({ status: 'paused' });
  // @ts-expect-error there is no such status
  useTasks({ status: 'done' });
  return (
    <>
      {plan?.overall} {tasks.length}
      {timeline.map((entry) => <Entry key={entry.key} entry={entry} />)}
      <button type="button" disabled={!can.pause} onClick={() => void pause()}>Pause</button>
    </>
  );
}
export default () => <TaskProvider client={client}><Page id="t" /></TaskProvider>;
`,
  );
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    jsx: 'react-jsx',
    target: 'ES2022',
    module: 'NodeNext',
    lib: ['ES2023', 'DOM'],
    types: [],
    typeRoots: [join(root, 'node_modules/@types')],
    paths: {
      react: [join(root, 'node_modules/@types/react')],
      'react/*': [join(root, 'node_modules/@types/react/*')],
    },
    noEmit: true,
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['page.tsx'] }));
  const compiled = outputOf(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], folder);
  await expect(compiled).resolves.toBe('');
});
