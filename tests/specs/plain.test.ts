import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { outputOf, root } from '../package/pack.js';

const folder = inject('specs');

/** What the script printed: how tasks ended. */
async function seen(by: string, when: string): Promise<unknown> {
  await cp(join(root, 'tests/specs/plain.mjs'), join(folder, 'plain.mjs'));
  const printed = await outputOf(process.execPath, ['--no-warnings', 'plain.mjs', by, when], folder);
  return JSON.parse(printed);
}

test.each(['before', 'after'])(
  "tasks run and retry while sinon fakes all of Node's timers, installed %s the import, and afterwards",
  async (when) => {
    const completed = { faked: 'completed', retried: 'completed', real: 'completed' };
    expect(await seen('sinon', when)).toEqual(completed);
  },
);

test("tasks run and retry while node:test fakes Node's timers, and afterwards", async () => {
  const completed = { faked: 'completed', retried: 'completed', real: 'completed' };
  expect(await seen('node:test', 'after')).toEqual(completed);
});

test('a package that was loaded while node:test faked the timers is sound once they are real again', async () => {
  expect(await seen('node:test', 'before')).toEqual({ faked: 'completed', real: 'completed' });
});
