import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { outputOf, packInto, root } from '../package/pack.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the runners are installed, and the package as it was packed. Projects have folders of their own in it. */
    specs: string;
  }
}

/** Runners are installed once for a lock file, and stay. */
async function installed(): Promise<string> {
  const lock = await readFile(join(root, 'tests/specs/package-lock.json'));
  const folder = join(root, '.tools/specs', createHash('sha256').update(lock).digest('hex').slice(0, 12));
  const done = join(folder, 'installed');
  if (!existsSync(done)) {
    await rm(join(root, '.tools/specs'), { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    for (const name of ['package.json', 'package-lock.json']) {
      await cp(join(root, 'tests/specs', name), join(folder, name));
    }
    await outputOf('npm', ['ci', '--ignore-scripts', '--prefer-offline', '--no-fund', '--no-audit'], folder);
    await writeFile(done, '');
  }
  return folder;
}

/** The package has no dependencies: unpacked into its place it is installed. */
async function putPackage(folder: string): Promise<void> {
  const place = join(folder, 'node_modules/task-execution-engine');
  const scratch = await mkdtemp(join(folder, 'packed-'));
  const { tarball } = await packInto(scratch);
  await rm(place, { recursive: true, force: true });
  await mkdir(place);
  await outputOf('tar', ['-xzf', tarball, '-C', place, '--strip-components=1'], folder);
  await rm(scratch, { recursive: true });
}

export default async function setup(project: TestProject): Promise<void> {
  const folder = await installed();
  await putPackage(folder);
  project.provide('specs', folder);
}
