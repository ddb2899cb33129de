import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { frameOf, type View } from '../../../js/cli/demo/frame.js';
import { widthOf, wrap } from '../../../js/cli/text.js';

const milestone = (name: string, progress: number) => ({
  id: name,
  name,
  description: '',
  status: 'in_progress' as const,
  progress,
  tasks_completed: 1,
  tasks_total: 3,
});
const view: View = {
  progress: {
    overall: 33,
    milestones: [
      milestone('Survey', 100),
      milestone('A very long name '.repeat(5), 0),
      milestone('長い名前'.repeat(9), 0),
    ],
    tasks: {},
  },
  usage: {
    inputTokens: 12_345,
    outputTokens: 678,
    totalTokens: 13_023,
    cacheReadInputTokens: 0,
    cacheWriteInputTokens: 0,
    unreported: 0,
  },
  streaming: 'word '.repeat(200),
  state: 'running',
  approvals: [{ id: 'c1', name: 'write_report', input: { content: 'x'.repeat(100) } }],
};

test('no line of a frame is wider than the terminal', () => {
  for (const columns of [21, 40, 80, 200]) {
    for (const line of frameOf(view, columns)) {
      expect(widthOf(stripVTControlCharacters(line))).toBeLessThan(columns);
    }
  }
});

test('a frame has a bar for the task and for each milestone, the tokens and the question', () => {
  const text = stripVTControlCharacters(frameOf(view, 80).join('\n'));
  expect(text).toMatch(/Survey +█{30} 100 % {2}1\/3/);
  expect(text).toMatch(/Task +█{10}░{20} {2}33 %/);
  expect(text).toContain('12,345 tokens in, 678 out');
  expect(text).toContain('May it run write_report (content of 100 characters)?  y yes · n no');
});

test('text is broken between words, and words only where they are too long', () => {
  expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
  expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
  expect(wrap('', 10)).toEqual(['']);
});
