import { expect, test } from 'vitest';
import { lifecycleTable } from '../../js/generated/lifecycle-table.js';
import { textOf } from './project.js';
import { tableOf } from './snippets.js';

type Cell = { can: boolean; next?: string };
const cells = Object.entries(lifecycleTable as Record<string, Record<string, Cell>>).flatMap(([from, row]) =>
  Object.entries(row).map(([command, cell]) => ({ from, command, ...cell })),
);
const page = await textOf('docs/lifecycle.md');

test('the picture has an arrow for every command that changes something, and no other', () => {
  const arrows = [...page.matchAll(/^ {4}(\w+) --> (\w+): ([a-z, ()]+)$/gm)].flatMap(
    ([, from, to, commands]) =>
      (commands ?? '')
        .split(', ')
        .filter((label) => /^\w+$/.test(label))
        .map((command) => `${from} -${command}-> ${to}`),
  );
  const changes = cells
    .filter(({ can }) => can)
    .map(({ from, command, next }) => `${from} -${command}-> ${next}`);
  expect(changes.length).toBeGreaterThan(8);
  expect(arrows.sort()).toEqual(changes.sort());
});

test('what happens by itself happens to tasks in progress', () => {
  const sources = [...page.matchAll(/^ {4}(\w+) --> \w+: .*\(/gm)].map(([, from]) => from);
  expect(new Set(sources)).toEqual(new Set(['in_progress']));
});

test('the table of commands refuses, ignores and obeys as the engine does', () => {
  const [header = [], ...rows] = tableOf(page, 'What each command does');
  const said = rows.flatMap(([command = '', ...row]) =>
    row.map((word, index) => ({
      command: command.replaceAll('`', ''),
      column: header[index + 1] ?? '',
      word,
    })),
  );
  for (const { from, command, can, next } of cells) {
    const words = said.filter((one) => one.command === command && one.column.startsWith(`\`${from}\``));
    expect(words.length, `${command} in ${from}`).toBeGreaterThan(0);
    for (const { word } of words) {
      expect(word === 'refused', `${command} in ${from}: ${word}`).toBe(next === undefined);
      expect(word === 'nothing', `${command} in ${from}: ${word}`).toBe(!can && next === from);
    }
  }
});

test('every status of an outcome and every reason of the engine is explained', async () => {
  const types = await textOf('js/types/state.ts');
  const union = types.slice(types.indexOf('unfinished: boolean;\n} & ('));
  const statuses = [...union.slice(0, union.indexOf(');')).matchAll(/'(\w+)'/g)].map(([, status]) => status);
  const explained = tableOf(page, 'How a run ends').map(([status = '']) => status.replaceAll('`', ''));
  expect(statuses.length).toBe(8);
  expect(explained).toEqual(expect.arrayContaining(statuses));
});
