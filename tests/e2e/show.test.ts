import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sqliteStore } from '../../js/stores/sqlite.js';
import { loadDriver } from '../../js/stores/sqlite-driver.js';
import { Place, root } from './demo.js';

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => {
  place.remove();
});

const store = () => join(place.directory, '.task-execution-engine/demo.sqlite');
const linesOf = (output: string) => output.trim().split('\n');
const jsonOf = (output: string) => linesOf(output).map((line) => JSON.parse(line));

async function taskOf(): Promise<string> {
  const { output } = await place.run('show', '--json');
  const [task, ...others] = jsonOf(output);
  expect(others).toEqual([]);
  return `${task.userId}/${task.taskId}`;
}

/** The database and its log; what is shared in memory is nobody's data, nor is a log without content. */
function bytes(): string[] {
  const folder = join(place.directory, '.task-execution-engine');
  return readdirSync(folder)
    .filter((name) => !name.endsWith('-shm') && readFileSync(join(folder, name)).length > 0)
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}`,
    );
}

/** Every document of the store, with its version. */
async function documents(): Promise<unknown[]> {
  const database = (await loadDriver()).openForReading(store(), false);
  try {
    return database.prepare('SELECT path, data, version FROM documents ORDER BY path').all();
  } finally {
    database.close();
  }
}

async function killedRun(): Promise<string> {
  const run = place.begin(['demo', '--speed', '8']);
  await run.seen(/→ check_links/);
  run.child.kill('SIGKILL');
  await run.ended;
  return taskOf();
}

test('a killed run is shown without changing a byte: plan, timeline, who held the lease, what to do', async () => {
  const task = await killedRun();
  const [before, written] = [bytes(), await documents()];
  const { code, output } = await place.run('show', task);
  expect(code).toBe(0);
  expect(output).toMatch(/Survey +█+ 100 % {2}3\/3\n {2}✓ Files\n/);
  expect(output).toMatch(/ {2}▸ Links\n {2}· Repeated headings/);
  expect(output).toMatch(/\d\d:\d\d:\d\d {2}▶ The task begins\. {2}lease 1\n/);
  expect(output).toMatch(/ ← list_files: folder sample, 8 pages/);
  expect(output).toMatch(/[\d,]+ tokens in, \d+ out/);
  expect(output).toMatch(/It was interrupted: process \d+, which held lease 1, is gone\./);
  const json = jsonOf((await place.run('show', task, '--json')).output);
  const entries = json.filter(({ type }) => type === 'entry');
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, n) => n + 1));
  expect(json[0]).toMatchObject({
    type: 'task',
    status: 'in_progress',
    title: 'Check a folder of documents',
  });
  expect(json.at(-1)).toMatchObject({
    type: 'state',
    unfinished: true,
    seq: entries.length,
    lastRun: { status: 'interrupted', lease: 1 },
  });
  expect(output).not.toContain('\u001b');
  expect(bytes()).toEqual(before);
  expect(await documents()).toEqual(written);
});

test('--follow tells what another process does, through a pause, to the end, and leaves the run alone', async () => {
  const task = await killedRun();
  const follower = place.begin(['show', '--follow', task]);
  await follower.seen(/It was interrupted:[\s\S]*Waiting\s+for\s+it/);
  const paused = place.begin(['demo', '--speed', '8']);
  await follower.seen(/The task goes on where it was interrupted\. {2}lease 2/);
  await follower.seen(/It is at work: process \d+ holds lease 2/);
  paused.child.kill('SIGINT');
  expect((await paused.ended).code).toBe(0);
  await follower.seen(/‖ The task is paused[\s\S]*It was paused\. Waiting/);
  const json = place.begin(['show', '--follow', '--json', task]);
  expect((await place.run('demo', '--speed', '40')).code).toBe(0);
  const { code, output } = await follower.ended;
  expect(code).toBe(0);
  expect(output).toMatch(
    /\? write_report .* waits for approval\. {2}\S+\n[\s\S]*! A person approved write_report/,
  );
  expect(output).toMatch(/✓ The task is completed\.\n[\s\S]*Last run {2}It was completed\./);
  const told = jsonOf((await json.ended).output);
  const seqs = told.filter(({ type }) => type === 'entry').map(({ seq }) => seq);
  expect(seqs).toEqual(seqs.map((_, n) => n + 1));
  expect(told.at(-1)).toMatchObject({ type: 'state', status: 'completed', seq: seqs.length });
  expect(place.report()).toContain('# Report on sample');
});

test('Ctrl-C ends following with a summary, and a reader that has seen enough is no failure', async () => {
  const task = await killedRun();
  const follower = place.begin(['show', '--follow', task]);
  await follower.seen(/Waiting\s+for\s+it/);
  follower.child.kill('SIGINT');
  const { code, output } = await follower.ended;
  expect(code).toBe(0);
  expect(output).toMatch(/Status +in progress\nLast run/);
  const closed = place.begin(['show', '--json', task]);
  closed.child.stdout?.destroy();
  const ended = await closed.ended;
  expect([ended.code, ended.output]).toEqual([0, '']);
});

test('a damaged journal is shown as far as it goes, and says where it is damaged', async () => {
  const task = await killedRun();
  const [userId, taskId] = task.split('/');
  const path = `users/${userId}/tasks/${taskId}`;
  const damaged = sqliteStore(store());
  await damaged.commit([
    { op: 'update', path: `${path}/journal/00000003`, fields: [{ path: ['json'], value: '{"facts":[{' }] },
    { op: 'delete', path: `${path}/journal/00000005` },
    { op: 'update', path: `${path}/engine/head`, fields: [{ path: ['schema'], value: 'none' }] },
  ]);
  damaged.close();
  const { code, output } = await place.run('show', task);
  expect(code).toBe(1);
  expect(output).toMatch(/The journal is damaged: entry 3 cannot be read: /);
  expect(output).toMatch(/The journal is damaged: entry 5 is missing\./);
  expect(output).toMatch(/← count_words/);
  expect(output).toMatch(/Problem +.*engine\/head is not a head/);
  const json = jsonOf((await place.run('show', '--json', task)).output);
  expect(json.filter(({ type }) => type === 'problem').map(({ seq }) => seq)).toEqual([3, 5]);
});

test('what cannot be shown is said in one line, and nothing is made', async () => {
  const said = async (...args: string[]) => {
    const { code, output } = await place.run('show', ...args);
    expect(linesOf(output).length).toBeLessThanOrEqual(2);
    return `${code} ${output}`;
  };
  expect(await said()).toMatch(/^1 .*demo\.sqlite does not exist/);
  expect(await said('--store', 'none/at/all')).toMatch(/^1 .*none\/at\/all does not exist/);
  expect(await said('--follow')).toMatch(/^2 --follow takes a TASK/);
  expect(await said('--fresh')).toMatch(/^2 show has no option --fresh/);
  expect(readdirSync(place.directory)).toEqual([]);
  writeFileSync(join(place.directory, 'text'), 'no database, but some text. '.repeat(50));
  mkdirSync(join(place.directory, 'folder'));
  expect(await said('--store', 'text')).toMatch(/^1 .*text is not a SQLite database/);
  expect(await said('--store', 'folder')).toMatch(/^1 .*folder is not a file/);
  const empty = sqliteStore(join(place.directory, 'empty'));
  await empty.read(['users/u']);
  empty.close();
  expect(await said('--store', 'empty')).toMatch(/^0 There is no task in empty/);
  expect(await said('--store', 'empty', 'nobody')).toMatch(/^1 There is no task nobody in the store/);
});

test('in a terminal no line is wider than it', async () => {
  const task = await killedRun();
  const { code, output } = await place.beginInTerminal(['show', '--utc', task], 60).ended;
  expect(code).toBe(0);
  expect(output).toMatch(/\d{4}-\d\d-\d\d UTC/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the command's own colours
  for (const line of output.replace(/\u001b\[\d+m|\r/g, '').split('\n')) {
    expect([...line].length).toBeLessThan(60);
  }
});

test('the README shows what is printed', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const shown =
    /npx task-execution-engine show demo\/\S+\n```\n\n```text\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const { output } = await place.run('show', await killedRun());
  const comparable = (text: string) =>
    linesOf(text)
      .map((line) =>
        line
          .replace(/^\d\d:\d\d:\d\d/, ' '.repeat(8))
          .replace(/\d{4}-\d\d-\d\d/, 'day')
          .replace(/process \d+/, 'process N')
          .replace(/demo\/\w+/, 'demo/id'),
      )
      .filter((line) => !/…|^ +← (count_words|read_headings)|^(Journal|Tokens)/.test(line));
  const printed = comparable(output);
  expect(comparable(shown).length).toBeGreaterThan(30);
  expect(comparable(shown).filter((line) => !printed.includes(line))).toEqual([]);
});
