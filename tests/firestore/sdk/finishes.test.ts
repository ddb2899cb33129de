import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { emptyProject } from '../project.js';

const program = fileURLToPath(new URL('./finishes.mjs', import.meta.url));

/** What a program printed, and how it ended: `null` where it had to be killed. */
function ends(what: string): Promise<{ output: string; code: number | null }> {
  const { host, projectId } = emptyProject();
  const child = spawn(process.execPath, [program, host, projectId, what], { timeout: 10_000 });
  let [output, complaint] = ['', ''];
  child.stdout.on('data', (part) => (output += part));
  child.stderr.on('data', (part) => (complaint += part));
  return new Promise((resolve) => {
    child.once('close', (code) => {
      if (code !== 0) console.error(complaint);
      resolve({ output, code });
    });
  });
}

test.each(['run', 'events', 'commands'])('a program ends by itself after its %s', async (what) => {
  expect(await ends(what)).toEqual({ output: 'through\n', code: 0 });
});
