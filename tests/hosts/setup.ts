import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { packInto } from '../package/pack.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Outside of the repository: the apps are copied there, with the tarball beside them. */
    hosts: string;
    hostedTarball: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'task-execution-engine-hosts-'));
  const { tarball } = await packInto(folder);
  project.provide('hosts', folder);
  project.provide('hostedTarball', tarball);
  return () => rm(folder, { recursive: true, force: true });
}
