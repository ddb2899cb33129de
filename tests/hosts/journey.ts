import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { root } from '../package/pack.js';

/** Where the package was tried; the README's table is made of it. */
export interface Runtime {
  name: string;
  version?: string | undefined;
  /** How the package came there. */
  way: string;
  store: 'SQLite' | 'Firestore (REST)';
}

declare module 'vitest' {
  interface TaskMeta {
    runtime?: Runtime;
  }
}

/** What `journey/journey.mjs` tells of a run. */
export interface Told {
  taskId: string;
  status: string;
  text: string;
  pieces: string[];
  results: string[];
  readings: string[];
}

/**
 * One task: its model streams and calls a tool, it is paused in the middle of a turn, and goes on in a process or page that
 * knows nothing of the first. `go` runs it there, without an id from the beginning.
 */
export function journeyTest(runtime: Runtime, go: (taskId?: string) => Promise<Told>): void {
  const { name, version = '', way, store } = runtime;
  const where = [name, version].filter(Boolean).join(' ');
  test(`a task is begun, paused and taken up afresh in ${where}: ${way}, ${store}`, async ({ task }) => {
    const begun = await go();
    expect(begun).toMatchObject({
      status: 'paused',
      results: ['read_thermometer: success'],
      readings: ['hall'],
    });
    expect(begun.pieces.length).toBeGreaterThan(3);

    const resumed = await go(begun.taskId);
    expect(resumed).toMatchObject({ status: 'completed', results: [], readings: [] });
    expect(resumed.pieces.join('')).toBe(resumed.text);
    expect(resumed.text).toMatch(/^It is 17 degrees .* later\.$/);
    task.meta.runtime = runtime;
  });
}

/** A program that the stage has installed. */
export function program(name: string): string {
  const path = process.env[`RUNTIME_${name.toUpperCase()}`];
  if (path === undefined) throw new Error(`Where ${name} is, the stage says: npm test -- hosts`);
  return path;
}

/** The version of a package that the lock file of an app names. */
export async function lockedVersion(app: string, name: string): Promise<string> {
  const lock = await readFile(join(root, 'tests/hosts', app, 'package-lock.json'), 'utf8');
  return JSON.parse(lock).packages[`node_modules/${name}`].version;
}

/** The query that tells a page or a server of a Firestore project of its own, and which task to go on with. */
export function queryOf(project: string, taskId?: string): string {
  const query = new URLSearchParams({ project, firestore: inject('firestore') });
  if (taskId !== undefined) query.set('task', taskId);
  return query.toString();
}

/** A folder outside of the repository, with nothing above it to load from. */
export function scratch(name: string): Promise<string> {
  return mkdtemp(join(inject('hosts'), `${name}-`));
}
