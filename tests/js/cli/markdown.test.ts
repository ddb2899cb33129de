import { expect, test } from 'vitest';
import { headingsOf, linksOf, openEndsOf, wordsOf } from '../../../js/cli/demo/markdown.js';

test('headings have the anchors that sites give them, unique in the page', () => {
  const page = '# Ein *Titel*: `x`!\n\n## Same\n## Same ##\n####### no\n#no\n';
  expect(headingsOf(page)).toEqual([
    { level: 1, text: 'Ein Titel: x!', anchor: 'ein-titel-x', line: 1 },
    { level: 2, text: 'Same', anchor: 'same', line: 3 },
    { level: 2, text: 'Same', anchor: 'same-1', line: 4 },
  ]);
});

test('code is no prose: its headings, links, words and open ends do not count', () => {
  const page = 'one two\n```sh\n# three [four](five.md) TODO\n~~~\n```\nsix `[seven](eight.md)`\n';
  expect(headingsOf(page)).toEqual([]);
  expect(linksOf(page)).toEqual([]);
  expect(openEndsOf(page)).toEqual([]);
  expect(wordsOf(page)).toBe(4);
});

test('links are found inline, as images, with titles, and as definitions', () => {
  const page = '[a](b.md "t") ![c](<d.svg>) [e](f_(g).md)\n\n[h]: i.md\n[^1]: a note\n[](x)';
  expect(linksOf(page)).toEqual([
    { target: 'b.md', line: 1 },
    { target: 'd.svg', line: 1 },
    { target: 'f_(g).md', line: 1 },
    { target: 'i.md', line: 3 },
    { target: 'x', line: 5 },
  ]);
});

test('a page that tries to be slow is read in no time', () => {
  const began = Date.now();
  for (const text of ['[a]('.repeat(20_000), '# '.repeat(20_000), '`'.repeat(20_000), '](('.repeat(20_000)]) {
    headingsOf(text);
    linksOf(text);
    openEndsOf(text);
  }
  expect(Date.now() - began).toBeLessThan(2_000);
});
