// What each entry of the package adds to a page or a bundle: bundled with all that it imports, minified, gzipped.
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'rolldown';
import { rounded } from './lib/numbers.mjs';

const root = new URL('..', import.meta.url);
const budgets = { '.': 250, './client': 8, './react': 10 };
// A ratchet: lower it with every step towards the budget, and remove it there.
const ceilings = { '.': 255 };
// Where only servers go.
const onNode = new Set(['./sqlite', './server']);

/** A page that has the hooks has the client too. */
const together = {
  name: 'together',
  resolveId: (id) => (id === 'together' ? id : null),
  load: (id) =>
    id === 'together'
      ? "export * from 'task-execution-engine/client'; export * from 'task-execution-engine/react';"
      : null,
};

async function kilobytes(entry, peers) {
  const { output } = await build({
    input: entry === './react' ? 'together' : `task-execution-engine${entry.slice(1)}`,
    plugins: [together],
    cwd: root.pathname,
    platform: onNode.has(entry) ? 'node' : 'browser',
    external: peers,
    write: false,
    logLevel: 'silent',
    output: { minify: true },
  });
  const code = output.map((part) => (part.type === 'chunk' ? part.code : '')).join('');
  return rounded(gzipSync(code).length / 1024, 1);
}

export default async function measure() {
  const { exports, peerDependencies = {} } = JSON.parse(
    await readFile(new URL('package.json', root), 'utf8'),
  );
  const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
  const rows = [];
  for (const entry of entries) {
    const name =
      entry === '.'
        ? 'default entry, gzipped'
        : `${entry}${entry === './react' ? ' and ./client' : ''}, gzipped`;
    rows.push({
      name,
      unit: 'KB',
      budget: budgets[entry],
      ceiling: ceilings[entry],
      value: await kilobytes(entry, Object.keys(peerDependencies)),
    });
  }
  return rows;
}
