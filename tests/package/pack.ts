import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const execute = promisify(execFile);
export const root = fileURLToPath(new URL('../..', import.meta.url));

declare module 'vitest' {
  export interface ProvidedContext {
    tarball: string;
    tarballFiles: string[];
    /** A project of its own, outside of the repository, with the tarball installed. */
    consumer: string;
  }
}

/** Runs a program and returns its stdout; a failure shows all that it printed. */
export async function outputOf(command: string, args: string[], cwd: string): Promise<string> {
  try {
    return (await execute(command, args, { cwd, maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (cause) {
    const { stdout, stderr } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}`, { cause });
  }
}

/** The tarball that npm would publish, and the files in it: what the stage has packed, else packed into the folder. */
export async function packInto(folder: string): Promise<{ tarball: string; files: string[] }> {
  const { PACKED_PACKAGE } = process.env;
  if (PACKED_PACKAGE !== undefined) return JSON.parse(PACKED_PACKAGE);
  const packed = await outputOf(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
    root,
  );
  const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
  return { tarball: join(folder, filename), files: files.map((file) => file.path) };
}

/** Packs what is built and installs it the way a user would. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'task-execution-engine-package-'));
  const { tarball, files } = await packInto(folder);
  const consumer = await mkdtemp(join(folder, 'consumer-'));
  await writeFile(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true }));
  await outputOf('npm', ['install', '--no-fund', '--no-audit', '--omit=optional', tarball], consumer);
  project.provide('tarball', tarball);
  project.provide('tarballFiles', files);
  project.provide('consumer', consumer);
  return () => rm(folder, { recursive: true, force: true });
}
