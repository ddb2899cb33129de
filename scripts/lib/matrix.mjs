import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, root } from './run.mjs';

const readme = join(root, 'README.md');
const block = /(<!-- runtimes: [^\n]*-->\n)[\s\S]*?(<!-- \/runtimes -->)/;

/** The table of where a task has run, made of what the tests of the stage `hosts` say of themselves in vitest's report. */
export function matrixOf(report) {
  const passed = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status, meta }) => status === 'passed' && meta?.runtime !== undefined)
    .map(({ meta }) => meta.runtime);
  if (passed.length === 0) throw new Failure('no test of the stage hosts has run a task');
  const rows = new Map();
  for (const { name, version, way, store } of passed) {
    const row = rows.get(name) ?? { versions: new Set(), ways: new Set(), stores: new Set() };
    if (version !== undefined) row.versions.add(version);
    row.ways.add(way);
    row.stores.add(store);
    rows.set(name, row);
  }
  const list = (set) => [...set].sort().join(', ');
  const lines = [...rows]
    .sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
    .map(
      ([name, { versions, ways, stores }]) =>
        `| ${name} | ${list(versions)} | ${list(ways)} | ${list(stores)} |`,
    );
  return ['| runtime | version | as | store |', '|---|---|---|---|', ...lines, ''].join('\n');
}

/** @throws Failure where the README says anything else than what has just run */
export function compareMatrix(report) {
  const text = readFileSync(readme, 'utf8');
  if (block.exec(text)?.[0] !== blockWith(text, matrixOf(report))) {
    throw new Failure("README.md's table of runtimes is not what was tested: npm run runtimes:update");
  }
}

export function writeMatrix(report) {
  const text = readFileSync(readme, 'utf8');
  writeFileSync(
    readme,
    text.replace(block, () => blockWith(text, matrixOf(report))),
  );
}

function blockWith(text, matrix) {
  const [, begin, end] = block.exec(text) ?? [];
  if (begin === undefined) throw new Failure('README.md has no block for the table of runtimes');
  return begin + matrix + end;
}
