import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('./run.mjs', import.meta.url));
const seed = process.env.SOAK_SEED ?? String(Math.floor(Math.random() * 2 ** 32));

/** What a soak printed, and whether it found all flat and right. */
function soak(options: Record<string, number | string>): Promise<{ output: string; passed: boolean }> {
  const given = Object.entries({ seed, ...options }).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  return new Promise((resolve) => {
    execFile(process.execPath, ['--expose-gc', script, ...given], (error, stdout, stderr) =>
      resolve({ output: stdout + stderr, passed: error === null }),
    );
  });
}

test('600 tasks, 60 at a time, disturbed from all sides, leave nothing behind and are stored rightly', async () => {
  const { output, passed } = await soak({ tasks: 600, 'at-once': 60, samples: 12 });
  console.log(output);
  expect(passed).toBe(true);
});

test('200 followers of 20 tasks at a time leave nothing behind', async () => {
  const { output, passed } = await soak({ tasks: 100, 'at-once': 20, followers: 200, samples: 5 });
  console.log(output);
  expect(passed).toBe(true);
});

test.each([
  ['timer', 'timers'],
  ['listener', 'listeners'],
  ['watch', 'watches'],
  ['handle', 'machines'],
  ['follower', 'watchers'],
  ['object', 'objects'],
  ['document', 'documents'],
  ['heap', 'heap'],
])('a %s that is leaked now and then is found', async (leak, gauge) => {
  const { output, passed } = await soak({ tasks: 48, 'at-once': 16, followers: 64, samples: 4, leak });
  expect(passed).toBe(false);
  expect(output).toMatch(new RegExp(`^grows: .*\\b${gauge}\\b`, 'm'));
});
