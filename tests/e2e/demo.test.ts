import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Place, root, sample } from './demo.js';

const fast = ['demo', '--speed', '40'];
/** Slow enough to be interrupted at a certain line. */
const slower = ['demo', '--speed', '8'];

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => {
  place.remove();
});

const expected = `# Report on sample

- **Files:** The folder has 9 files, 8 of them Markdown, 3,903 bytes in all.
- **Length:** 8 pages with 497 words; the longest is index.md with 91.
- **Outline:** 29 headings, 8 of them titles.
- **Links:** 17 relative links, 3 broken.
- **Repeated headings:** 1 repeated heading.
- **Open ends:** 3 open ends.
- **Lost pages:** 1 page that nothing links to.

## Files

- changelog.md
- guide/first-steps.md
- guide/schedules.md
- guide/troubleshooting.md
- images/wiring.svg
- index.md
- install.md
- reference/commands.md
- reference/settings.md

## Length

- changelog.md: 27 words
- guide/first-steps.md: 80 words
- guide/schedules.md: 46 words
- guide/troubleshooting.md: 73 words
- index.md: 91 words
- install.md: 58 words
- reference/commands.md: 70 words
- reference/settings.md: 52 words

## Outline

- changelog.md: Changelog
- guide/first-steps.md: First steps
- guide/schedules.md: Schedules
- guide/troubleshooting.md: Troubleshooting
- index.md: Tideglass
- install.md: Install
- reference/commands.md: Commands
- reference/settings.md: Settings

## Links

- guide/first-steps.md:21 links to ../reference/settings.md#battery-saver: no such heading
- guide/troubleshooting.md:11 links to ../reference/commands.md#set-time: no such heading
- index.md:17 links to guide/questions.md: no such file

## Repeated headings

- guide/first-steps.md:18 has “Connect” again

## Open ends

- guide/schedules.md:13 TODO: show a schedule that follows the tide instead of the clock.
- install.md:22 TODO: say which versions of macOS are known to work.
- reference/commands.md:20 FIXME: the battery is printed in volts, and the display shows percent.

## Lost pages

- changelog.md
`;

describe('a whole run', () => {
  test('completes the plan and writes the report', async () => {
    const { code, output } = await place.run(...fast);
    expect(output).toContain('Approved, as there is no terminal to ask at.');
    expect(output).toContain('10 of 10 items');
    expect(output).toContain('100 % done');
    expect(output).toMatch(/Tokens +[\d,]+ tokens in, [\d,]+ out/);
    expect(output).not.toContain('\u001b');
    expect(code).toBe(0);
    expect(place.report()).toBe(expected);
  });

  test('says other things, and reports them, when the input is another', async () => {
    const input = join(place.directory, 'docs');
    cpSync(sample, input, { recursive: true });
    appendFileSync(join(input, 'changelog.md'), '\nSee the [old site](old/index.md).\n');
    const { code, output } = await place.run(...fast, '--input', input);
    expect(code).toBe(0);
    expect(output).toContain('18 relative links, 4 broken. I keep that.');
    expect(output).toContain('The first on my list: changelog.md:16 links to old/index.md: no such file.');
    expect(place.report()).toContain('- changelog.md:16 links to old/index.md: no such file\n');
    expect(place.report()).toContain('# Report on docs\n');
  });

  test('follows a plan of the user', async () => {
    const items = [
      { name: 'Count', description: 'Use `count_words`, then `note_finding`.' },
      { name: 'Think', description: 'Nothing to call.' },
    ];
    const plan = join(place.directory, 'plan.json');
    writeFileSync(plan, JSON.stringify({ title: 'Just count', milestones: [{ name: 'All', items }] }));
    const { code, output } = await place.run(...fast, '--plan', plan);
    expect(code).toBe(0);
    expect(output).toContain('8 pages with 497 words');
    expect(output).toContain('2 of 2 items');
    expect(output).toContain('none at report.md');
  });

  test('is not run again once it is done, but with --fresh', async () => {
    await place.run(...fast);
    const again = await place.run('demo');
    expect(again.code).toBe(0);
    expect(again.output).toBe(
      `This task is done.\nReport   report.md\nState    ${join('.task-execution-engine', 'demo.sqlite')}\nBegin again with --fresh.\n`,
    );
    const fresh = await place.run(...fast, '--fresh');
    expect(fresh.output).toContain('The task begins.');
    expect(fresh.code).toBe(0);
    expect(place.report()).toBe(expected);
  });
});

describe('killed and run again', () => {
  const points: [when: string, line: RegExp][] = [
    ['after the first text', /First I look at what is in the folder/],
    ['while three tools read in parallel', /(→ count_words.*\s+){3}/],
    ['while a note is made', /→ note_finding \(topic Links/],
    ['while the report is written', /May it run write_report/],
    ['near the end', /→ read_report/],
  ];
  test.each(points)('%s, it goes on and makes the same report', async (_, line) => {
    const first = place.begin(slower);
    await first.seen(line);
    first.child.kill('SIGKILL');
    expect((await first.ended).signal).toBe('SIGKILL');

    const { code, output } = await place.run(...fast);
    expect(output).toContain('The task goes on where it was interrupted.');
    expect(output).toMatch(/^Going on: \d+ of 10 items done, \d+ tool results? reused\.$/m);
    expect(output).toMatch(/^Reused +\d+ tool results? of earlier runs$/m);
    expect(output).toMatch(/^Unknown +/m);
    expect(output).toContain('Done.');
    expect(code).toBe(0);
    expect(place.report()).toBe(expected);
  });

  test('a note whose outcome is unknown is looked for before it is made again', async () => {
    const first = place.begin(slower);
    await first.seen(/→ note_finding \(topic Links/);
    first.child.kill('SIGKILL');
    await first.ended;
    const { output } = await place.run(...fast);
    expect(output).toMatch(/Unknown +note_finding \(the model was told, and looks\)/);
    expect(output).toContain('I look whether the note is there before I do it again.');
    expect(place.report()).toBe(expected);
  });

  test('five times over, it still makes the same report', async () => {
    for (const line of [/→ list_files/, /→ count_words/, /→ check_links/, /→ find_todos/, /→ read_notes/]) {
      const run = place.begin(slower);
      await run.seen(line);
      run.child.kill('SIGKILL');
      await run.ended;
    }
    const { code, output } = await place.run(...fast);
    expect(output).toContain('Done.');
    expect(code).toBe(0);
    expect(place.report()).toBe(expected);
  });

  test('it begins at once, not when the lease of the dead process runs out', async () => {
    const first = place.begin(slower);
    await first.seen(/→ check_links/);
    first.child.kill('SIGKILL');
    await first.ended;
    const began = Date.now();
    const second = place.begin(fast);
    await second.seen(/The task goes on/);
    expect(Date.now() - began).toBeLessThan(5_000);
    expect((await second.ended).code).toBe(0);
  });
});

describe('interrupted by a signal', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s pauses, and the next run resumes', async (signal) => {
    const first = place.begin(slower);
    await first.seen(/→ check_links/);
    first.child.kill(signal);
    const paused = await first.ended;
    expect(paused.output).toContain('Paused. Run the same command again to go on.');
    expect(paused.code).toBe(0);
    expect(existsSync(join(place.directory, 'report.md'))).toBe(false);

    const { code, output } = await place.run(...fast);
    expect(output).toContain('The task goes on.');
    expect(output).toMatch(/^Unknown +no outcome$/m);
    expect(code).toBe(0);
    expect(place.report()).toBe(expected);
  });

  test('a task that another process runs is left alone', async () => {
    const first = place.begin(['demo', '--speed', '1']);
    await first.seen(/→ list_files/);
    const second = await place.run(...fast);
    const who = process.platform === 'linux' ? `Process ${first.child.pid}` : 'Another process';
    expect(second.output).toMatch(
      new RegExp(`^${who} runs the task in .*demo\\.sqlite, and said so [\\d.]+ s ago\\.$`, 'm'),
    );
    expect(second.output).toContain('looking whether it lives');
    expect(second.output).toContain('Pause it there with p');
    expect(second.code).toBe(1);
    first.child.kill('SIGINT');
    expect((await first.ended).code).toBe(0);
  });
});

describe('used wrongly', () => {
  test('--help says every option, key and exit code', async () => {
    const { code, output } = await place.run('--help');
    expect(code).toBe(0);
    for (const word of ['--plan', '--input', '--store', '--fresh', '--speed', 'Ctrl-C', 'Exit codes']) {
      expect(output).toContain(word);
    }
    expect((await place.run('demo', '--help')).output).toBe(output);
  });

  test.each([[['demo', '--wrong']], [['demo', '--speed', 'fast']], [['dance']], [[]], [['demo', 'more']]])(
    '%j is refused with exit code 2',
    async (args) => {
      const { code, output } = await place.run(...args);
      expect(code).toBe(2);
      expect(output).toContain('See: task-execution-engine --help');
      expect(existsSync(join(place.directory, '.task-execution-engine'))).toBe(false);
    },
  );

  test('a plan or an input that cannot be read is named, with exit code 1', async () => {
    writeFileSync(
      join(place.directory, 'bad.json'),
      '{"title":"T","milestones":[{"name":"M","items":[{}]}]}',
    );
    const cases: [string[], RegExp][] = [
      [['--plan', 'none.json'], /The plan .*none\.json cannot be read: ENOENT/],
      [['--plan', 'bad.json'], /bad\.json cannot be used: milestones\[0\]\.items\[0\]\.name must be/],
      [['--input', 'nowhere'], /The folder .*nowhere cannot be read: ENOENT/],
      [['--input', 'bad.json'], /bad\.json is not a folder/],
    ];
    for (const [args, message] of cases) {
      const { code, output } = await place.run('demo', ...args);
      expect(output).toMatch(message);
      expect(code).toBe(1);
    }
  });

  test('a store that holds something else is left as it is', async () => {
    const store = join(place.directory, 'notes.txt');
    writeFileSync(
      store,
      'not a database, and long enough to be read as the header of one, which takes 100 bytes or so.',
    );
    const { size } = statSync(store);
    const { code, output } = await place.run('demo', '--store', 'notes.txt');
    expect(output).toContain('is not a SQLite database');
    expect(code).toBe(1);
    expect(statSync(store).size).toBe(size);
  });

  test('without SQLite it prints the one line that works, with the options that it was given', () => {
    for (const part of ['package.json', 'pkg']) {
      cpSync(join(root, part), join(place.directory, part), { recursive: true });
    }
    const known = process.allowedNodeEnvironmentFlags.has('--experimental-sqlite');
    const flags = known ? ['--no-experimental-sqlite'] : [];
    const { stderr, status } = spawnSync(
      process.execPath,
      [...flags, 'pkg/cli.js', 'demo', '--store', "it's mine.sqlite", '--speed', '100'],
      { cwd: place.directory, encoding: 'utf8' },
    );
    expect(stderr).toContain(
      "  npx -p task-execution-engine -p libsql task-execution-engine demo --store 'it'\\''s mine.sqlite' --speed 100\n",
    );
    expect(status).toBe(1);
  });

  test('another input than that of the stored task is not taken by accident', async () => {
    const first = place.begin(slower);
    await first.seen(/→ list_files/);
    first.child.kill('SIGINT');
    await first.ended;
    mkdirSync(join(place.directory, 'other'));
    const { code, output } = await place.run(...fast, '--input', 'other');
    expect(output).toContain('has another input');
    expect(code).toBe(1);
  });
});

describe('in a terminal', () => {
  beforeAll(() => {
    const { status } = spawnSync('script', ['-qec', 'true', '/dev/null']);
    if (status === 0) return;
    throw new Error(
      'The tests in a terminal need the `script` of util-linux. Install it, for example: sudo apt-get install bsdutils',
    );
  });

  test('shows bars, asks for approval, and takes no for an answer', async () => {
    const run = place.beginInTerminal(fast);
    await run.seen(/May it run write_report/);
    run.child.stdin?.write('n');
    const { code, output } = await run.ended;
    expect(output).toContain('Survey');
    expect(output).toContain('█');
    expect(output).toContain('A person rejected this call');
    expect(output).toContain('none at report.md');
    expect(code).toBe(0);
  });

  test('killed while it asks, it asks again', async () => {
    const run = place.beginInTerminal(fast);
    await run.seen(/May it run write_report/);
    const [, pid] = await run.seen(/Process (\d+)/);
    process.kill(Number(pid), 'SIGKILL');
    await run.ended;
    const second = place.beginInTerminal(fast);
    await second.seen(/May it run write_report/);
    second.child.stdin?.write('y');
    const { code, output } = await second.ended;
    expect(output).toContain('Done.');
    expect(code).toBe(0);
    expect(place.report()).toBe(expected);
  });

  test('p pauses, r resumes, s stops, and the next run goes on', async () => {
    const run = place.beginInTerminal(slower);
    await run.seen(/→ count_words/);
    run.child.stdin?.write('p');
    await run.seen(/r resume · s stop/);
    run.child.stdin?.write('r');
    await run.seen(/→ check_links/);
    run.child.stdin?.write('s');
    const stopped = await run.ended;
    expect(stopped.output).toContain('Stopped. Run the same command again to go on.');
    expect(stopped.code).toBe(0);
    expect((await place.run(...fast)).code).toBe(0);
    expect(place.report()).toBe(expected);
  });

  test('Ctrl-C pauses and quits', async () => {
    const run = place.beginInTerminal(slower);
    await run.seen(/→ count_words/);
    run.child.stdin?.write('\u0003');
    const { code, output } = await run.ended;
    expect(output).toContain('Paused. Run the same command again to go on.');
    expect(code).toBe(0);
  });
});
