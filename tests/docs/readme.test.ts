import { expect, test } from 'vitest';
import { textOf } from './project.js';
import { readPage, rowsOf } from './snippets.js';

const readme = await textOf('README.md');
const page = readPage(readme);

test('the page has what a reader begins with: scripts to run, commands, where to read on', () => {
  expect([...page.snippets.values()].filter(({ outputs }) => outputs.length > 0).length).toBeGreaterThan(4);
  expect(page.commands).toEqual(
    expect.arrayContaining([
      'npm install task-execution-engine',
      'npx task-execution-engine demo',
      'npm run demo',
      'npm test',
    ]),
  );
  expect(readme).toContain('](ARCHITECTURE.md)');
});

test('the tables name every event and every error code, and no other', async () => {
  const events = await textOf('js/types/events.ts');
  const errors = await textOf('js/errors.ts');
  const eventNames = [...events.matchAll(/^ {2}'(task:\w+)'/gm)].map(([, name]) => name);
  const codes = [...errors.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code]) => code);
  expect(rowsOf(readme, 'Events').sort()).toEqual(eventNames.sort());
  expect(rowsOf(readme, 'Errors').sort()).toEqual(codes.sort());
  const [, variants = ''] = (await textOf('src/error.rs')).match(/^pub enum Code \{\n([\s\S]*?)^\}/m) ?? [];
  const core = [...variants.matchAll(/^ {4}(\w+),$/gm)].map(([, name = '']) =>
    name.replaceAll(/(?<=.)(?=[A-Z])/g, '_').toUpperCase(),
  );
  expect(core.length).toBeGreaterThan(15);
  expect(codes).toEqual(expect.arrayContaining(core));
});
