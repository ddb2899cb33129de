import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { outputOf, packInto, root } from '../package/pack.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The app of `examples/nextjs`, outside of the repository, with the tarball installed, and built. */
    example: string;
  }
}

/** Installs and builds the app once, the way a user would. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'task-execution-engine-example-'));
  const app = join(folder, 'app');
  const made = /\/(node_modules|\.next)$|\.sqlite/;
  await cp(join(root, 'examples/nextjs'), app, { recursive: true, filter: (path) => !made.test(path) });
  const { tarball } = await packInto(folder);
  const quiet = ['--no-fund', '--no-audit'];
  await outputOf('npm', ['ci', ...quiet], app);
  await outputOf('npm', ['install', '--no-save', '--no-package-lock', ...quiet, tarball], app);
  // What vitest sets would change how the app is built.
  delete process.env.NODE_ENV;
  process.env.NEXT_TELEMETRY_DISABLED = '1';
  await outputOf(join(app, 'node_modules/.bin/next'), ['build'], app);
  project.provide('example', app);
  return () => rm(folder, { recursive: true, force: true });
}
