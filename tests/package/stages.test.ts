import { expect, test } from 'vitest';
import { runStages } from '../../scripts/lib/run-stages.mjs';

test('a stage that fails keeps none of the others from running, and the summary names it and its tests', async () => {
  const ran: string[] = [];
  const { summary, broken } = await runStages({
    first: async () => {
      ran.push('first');
      return { passed: 3, failed: 0 };
    },
    second: async () => {
      ran.push('second');
      throw Object.assign(new Error('two tests failed'), {
        counts: { passed: 5, failed: 2, failing: ['one: why', 'other'] },
      });
    },
    third: async () => {
      ran.push('third');
      throw new Error('it could not be compiled');
    },
    fourth: async () => {
      ran.push('fourth');
    },
  });
  expect(ran).toEqual(['first', 'second', 'third', 'fourth']);
  expect(broken).toEqual(['second', 'third']);
  expect(summary).toMatch(
    /✓ first .*3 passed, 0 failed\n✗ second .*5 passed, 2 failed\n✗ third .*0 passed, 1 failed\n✓ fourth/,
  );
  expect(summary).toMatch(
    /\n8 passed, 3 failed\n {2}second: one: why\n {2}second: other\nfailed: second, third; again with: npm test -- second third$/,
  );
});
