import { Failure, say, seconds } from './run.mjs';

/** Of the tests that failed, so many are named at the end. */
const mostNamed = 20;

/**
 * Runs the stages one after the other: one that fails keeps none of the others from running. Returns what is to be
 * printed at the end, with the tests that failed where a stage's counts name them (`failing`), and the names of the
 * stages that failed.
 */
export async function runStages(stages) {
  const began = Date.now();
  const lines = [];
  const broken = [];
  const failing = [];
  const total = { passed: 0, failed: 0 };
  const all = Object.entries(stages);
  for (const [index, [name, stage]] of all.entries()) {
    say(`\n── ${index + 1}/${all.length} ${name}`);
    const stageBegan = Date.now();
    let failure;
    let counts;
    try {
      counts = await stage();
    } catch (error) {
      failure = error;
      // A stage that fails without a failed test (a lint, a compile error) still is a failure to count.
      counts = { passed: error.counts?.passed ?? 0, failed: Math.max(1, error.counts?.failed ?? 0) };
    }
    total.passed += counts?.passed ?? 0;
    total.failed += counts?.failed ?? 0;
    const counted = counts ? `${counts.passed} passed, ${counts.failed} failed` : '';
    lines.push(`${failure ? '✗' : '✓'} ${name.padEnd(12)} ${seconds(stageBegan).padStart(8)}  ${counted}`);
    if (failure) {
      say(`\nerror in ${name}: ${failure instanceof Failure ? failure.message : failure.stack}`);
      broken.push(name);
      failing.push(...(failure.counts?.failing ?? []).map((test) => `  ${name}: ${test}`));
    }
  }
  lines.push(`in ${seconds(began)}`, `${total.passed} passed, ${total.failed} failed`);
  if (broken.length > 0) {
    lines.push(...failing.slice(0, mostNamed));
    if (failing.length > mostNamed) lines.push(`  and ${failing.length - mostNamed} more`);
    lines.push(`failed: ${broken.join(', ')}; again with: npm test -- ${broken.join(' ')}`);
  }
  return { summary: lines.join('\n'), broken };
}
