import { spawn } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, inject, test } from 'vitest';
import { root } from './pack.js';

const consumer = inject('consumer');

beforeAll(async () => {
  await mkdir(join(consumer, 'node_modules'), { recursive: true });
  await symlink(join(root, 'node_modules/libsql'), join(consumer, 'node_modules/libsql')).catch((error) => {
    if (error.code !== 'EEXIST') throw error;
  });
});

/** Runs a script until Node exits of its own accord; one that does not is killed and reported as alive. */
async function exits(file: string, source: string): Promise<{ alive: boolean; output: string }> {
  const head = `import { rmSync } from 'node:fs';
import { memoryStore, TaskExecutor, createTask } from 'task-execution-engine';
import { sqliteStore } from 'task-execution-engine/sqlite';
import { scriptedModel } from 'task-execution-engine/testing';
const add = { description: 'Adds.', inputSchema: { type: 'object' }, execute: () => 3 };
const turns = [{ text: 'Adding.', tools: [{ name: 'add', input: {} }] }, 'Done.'];
process.on('exit', () => console.log('exit'));
`;
  await writeFile(join(consumer, file), head + source);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file], { cwd: consumer });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        output += data;
      });
    }
    let alive = false;
    const limit = setTimeout(() => {
      alive = true;
      child.kill('SIGKILL');
    }, 20_000);
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(limit);
      resolve({ alive, output: output.trim() });
    });
  });
}

test.each([
  ['a person', "{ ...add, needsApproval: true }, (run) => run.approve('c1')"],
  ['a tool that waits for nothing Node knows of', '{ ...add, execute: () => later }, () => finish(3)'],
])('a run that waits for %s keeps Node alive', async (_, argument) => {
  const source = `
let finish;
const later = new Promise((resolve) => { finish = resolve; });
const go = async (tool, act) => {
  const model = scriptedModel([{ tools: [{ name: 'add', input: {}, id: 'c1' }] }, 'Done.']);
  const host = { store: memoryStore(), model, tools: { add: tool } };
  const { id } = await createTask('u', { title: 'A task' }, host);
  const executor = new TaskExecutor(id, 'u', host);
  // What is to be seen is that the run holds Node, not this timer.
  executor.once('task:tool_call', () => setTimeout(() => act(executor), 1_000).unref());
  await executor.start();
  console.log(executor.outcome.status);
};
void go(${argument});
`;
  expect(await exits('holding.mjs', source)).toEqual({ alive: false, output: 'completed\nexit' });
});

test.each([
  ['that can watch', 'memoryStore()'],
  ['that cannot watch', '(({ watch, ...store }) => store)(memoryStore())'],
  ['in a SQLite file', "sqliteStore('idle.sqlite')"],
])('paused executors and loops over events() do not keep Node alive, on a store %s', async (_, store) => {
  const source = `
for (const end of ['', '-wal', '-shm']) rmSync('idle.sqlite' + end, { force: true });
const host = { store: ${store}, model: scriptedModel(turns), tools: { add } };
const { id } = await createTask('u', { title: 'A task' }, host);
const executor = new TaskExecutor(id, 'u', host);
executor.on('task:paused', () => console.log('paused'));
executor.once('task:tool_call', () => void executor.pause());
const follow = async (options) => {
  for await (const event of executor.events(options)) if (event.type === 'task:paused') console.log('told');
};
void follow();
void follow({ after: '0' });
await executor.start();
console.log(executor.outcome.status);
`;
  const { alive, output } = await exits('idle.mjs', source);
  expect(alive).toBe(false);
  const lines = output.split('\n');
  expect(lines.at(-1)).toBe('exit');
  // Both loops were told and still waiting when Node left.
  expect(lines.slice(0, -1).sort()).toEqual(['paused', 'paused', 'told', 'told']);
});
