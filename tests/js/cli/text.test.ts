import { expect, test } from 'vitest';
import { cut, padded, printable, printableLine, widthOf, wrap } from '../../../js/cli/text.js';

const esc = '\u001b';
const orders = [
  `${esc}[31mred${esc}[0m`,
  `${esc}]0;a title\u0007`,
  `${esc}[2J${esc}[H`,
  `${esc}P1;2q`,
  `${esc}`,
  `${esc}${esc}[3${esc}[31m1m`,
  '\u009b31m',
  '\u0090payload\u009c',
  'a\rb',
  'a\bb\u0000\u007f',
  '\u202egnp.exe\u2066',
  'a\u2028b\ufeff',
  'half a pair \ud83d.',
];

test('nothing that a terminal takes for an order is left, and plain text is', () => {
  for (const order of orders) {
    expect(printable(order)).not.toMatch(/[\p{Cc}\p{Zl}\p{Surrogate}\u202a-\u202e\u2066-\u2069]/u);
  }
  expect(printable(`${esc}[31mred${esc}[0m`)).toBe('red');
  expect(printable(`a${esc}b\r\nc\rd\te\u202e`)).toBe('a\u241bb\nc\u240dd  e<202E>');
  const plain = 'Ein Müller,\n\n家族 👩‍👩‍👧 naïve';
  expect(printable(plain)).toBe(plain);
  expect(printableLine('one\n\n  two\nthree')).toBe('one two three');
});

test('text that tries to be slow is not', () => {
  const started = performance.now();
  for (const part of [`${esc}[`, `${esc}]`, '\u009b1;', `${esc}P`, ' \n', '1;', ' ']) {
    printable(esc + part.repeat(20_000));
    printableLine(part.repeat(20_000));
  }
  wrap('家'.repeat(20_000), 40);
  cut('家'.repeat(20_000), 40);
  expect(performance.now() - started).toBeLessThan(5_000);
});

test('width counts columns: wide characters take two, marks and joined ones none of their own', () => {
  expect(['abc', '家族', 'e\u0301', '👩‍👩‍👧', ''].map(widthOf)).toEqual([3, 4, 1, 2, 0]);
});

test('text is cut and filled up by columns', () => {
  expect(cut('家族写真', 8)).toBe('家族写真');
  expect(cut('家族写真', 7)).toBe('家族写…');
  expect(cut('家族写真', 6)).toBe('家族…');
  expect(cut('abc', 2)).toBe('a…');
  expect(cut('abc', 1)).toBe('a');
  expect(cut('abc', 0)).toBe('');
  expect(padded('家', 4)).toBe('家  ');
});

test('no line is wider than the terminal, and no character is lost or torn', () => {
  const text = '一二三 word 👩‍👩‍👧👩‍👩‍👧 supercalifragilistic e\u0301e\u0301e\u0301';
  for (const width of [2, 3, 5, 8, 40]) {
    const lines = wrap(text, width);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
    expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
  }
  expect(wrap('家', 1)).toEqual(['家']);
});
