import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';

const execute = promisify(execFile);

/** What Jest and Vitest both report. */
export interface Report {
  testResults: {
    name: string;
    message?: string;
    status: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] | null }[];
  }[];
}

/** A start of a runner. */
export interface Start {
  readonly name: string;
  readonly runner: 'jest' | 'vitest';
  /** Arguments of Node. */
  readonly command: readonly string[];
}

/** What an app's own terminal would have. */
function environment(): NodeJS.ProcessEnv {
  const outer = Object.entries(process.env).filter(
    ([name]) => !/^(NODE_ENV|TEST|VITEST.*|VITE_.*)$/.test(name),
  );
  return { ...Object.fromEntries(outer), NO_COLOR: '1', NODE_NO_WARNINGS: '1' };
}

/** Runs all projects at once, and returns what the runner reports. */
export async function reportOf({ name, runner, command }: Start, projects: object[]): Promise<Report> {
  const folder = inject('specs');
  const id = name.replace(/\W+/g, '-');
  const file = join(folder, `${id}.report.json`);
  const config = join(folder, runner === 'jest' ? `${id}.json` : `${id}.mjs`);
  const settings =
    runner === 'jest'
      ? JSON.stringify({ projects, cacheDirectory: join(folder, 'jest-cache'), testTimeout: 60_000 })
      : `export default ${JSON.stringify({ test: { projects, maxWorkers: 2 } })};\n`;
  const args =
    runner === 'jest'
      ? ['--json', `--outputFile=${file}`, '--watchman=false', '--maxWorkers=2', '--silent']
      : ['--reporter=json', `--outputFile=${file}`];
  await rm(file, { force: true });
  await writeFile(config, settings);
  const options = { cwd: folder, env: environment(), maxBuffer: 64 * 1024 * 1024, timeout: 280_000 };
  let printed = '';
  try {
    const all = [...command, ...args, '--config', config];
    ({ stderr: printed } = await execute(process.execPath, all, options));
  } catch (error) {
    // A failed spec is reported; without a report the runner itself has failed.
    printed = (error as { stderr?: string }).stderr ?? String(error);
  }
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Report;
  } catch (cause) {
    throw new Error(`${name} has written no report. It printed:\n${printed}`, { cause });
  }
}

/** What did not pass, as one text; '' where everything did. */
export function failuresOf({ testResults }: Report): string {
  const folder = inject('specs');
  const failures = testResults.flatMap(({ name, message, status, assertionResults }) => [
    ...assertionResults
      .filter((one) => one.status !== 'passed')
      .map(
        (one) =>
          `${relative(folder, name)}: ${one.fullName}: ${one.status}\n${one.failureMessages?.join('\n')}`,
      ),
    ...(status !== 'passed' && assertionResults.length === 0
      ? [`${relative(folder, name)}: ${message}`]
      : []),
  ]);
  return failures.join('\n\n');
}
