import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { resolveHost } from '../../api/config.js';
import { createTaskEngine, TaskExecutionError } from '../../index.js';
import type { Backend } from '../../server/host.js';
import type { TaskHost } from '../../types.js';
import { describeThrown } from '../../values.js';
import { exitCodes, Quit } from '../exit.js';
import { printable } from '../text.js';

/**
 * Evaluates the module that configures the worker.
 *
 * @throws Quit that says what is wrong with it
 */
export async function loadConfig(file: string): Promise<void> {
  const path = resolve(file);
  if (!existsSync(path))
    throw new Quit(`There is no file ${path}. --config names a module that calls configureTaskExecution().`);
  const stuck = () => {
    process.stderr.write(`${file} was never loaded: what it awaits at its top never settles.\n`);
    process.exit(exitCodes.failed);
  };
  process.once('beforeExit', stuck);
  try {
    await import(pathToFileURL(path).href);
  } catch (thrown) {
    throw new Quit(explained(file, thrown));
  } finally {
    process.off('beforeExit', stuck);
  }
}

/**
 * What a worker looks for tasks with, and whether the store has answered.
 *
 * @throws Quit where that cannot work
 */
export async function backendOfConfig(file: string): Promise<{ backend: Backend; hasAnswered: boolean }> {
  const host = await hostOf(file, { userId: '' });
  if (host.store.tasks === undefined) {
    throw new Quit(
      `The store ${host.store.id} cannot list the tasks of all users: it has no tasks(). A worker needs a store that has it, as those of task-execution-engine do.`,
    );
  }
  const backend = backendOfHost(host);
  try {
    await probe(host);
    return { backend, hasAnswered: true };
  } catch (thrown) {
    if (thrown instanceof Quit) throw thrown;
    // It may be back soon.
    return { backend, hasAnswered: false };
  }
}

/**
 * Asks the store for tasks.
 *
 * @throws Quit where it refuses: it will go on to. What it throws otherwise may pass
 */
export async function probe({ store }: TaskHost): Promise<void> {
  try {
    await store.tasks?.({ status: 'in_progress', order: 'oldest', limit: 1 });
  } catch (thrown) {
    if (!isPermanent(thrown)) throw thrown;
    const { message } = describeThrown(thrown);
    throw new Quit(`The store ${store.id} refuses to list tasks: ${printable(message)}`);
  }
}

function isPermanent(thrown: unknown): boolean {
  if (TaskExecutionError.is(thrown)) return !thrown.retryable;
  const { code } = (thrown ?? {}) as { code?: unknown };
  return ['denied', 'invalid', 'not_found', 'conflict'].includes(String(code));
}

/** What a task is run with: of a resolver, its tenant's. */
export async function backendOfTask(ids: { userId: string; taskId: string }): Promise<Backend> {
  return backendOfHost(await resolveHost(ids));
}

function backendOfHost(host: TaskHost): Backend {
  return { host, engine: createTaskEngine(host) };
}

async function hostOf(file: string, ids: { userId: string }): Promise<TaskHost> {
  try {
    return await resolveHost(ids);
  } catch (thrown) {
    if (TaskExecutionError.is(thrown) && thrown.code === 'NOT_CONFIGURED') {
      throw new Quit(
        `${file} leaves nothing to work with: ${printable(thrown.message)}\n` +
          "It has to call configureTaskExecution({ store, model, tools }) of 'task-execution-engine', as the app does.",
      );
    }
    if (TaskExecutionError.is(thrown) && thrown.code === 'HOST_CALLBACK') {
      throw new Quit(
        `${printable(thrown.message)}\nA worker asks the resolver with the userId '' for the store in which tasks are looked for.`,
      );
    }
    throw new Quit(`${file} configures what cannot work: ${printable(describeThrown(thrown).message)}`);
  }
}

function explained(file: string, thrown: unknown): string {
  const { message } = describeThrown(thrown);
  const { code, stack } = (thrown ?? {}) as { code?: unknown; stack?: unknown };
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return (
      `Node ${process.versions.node} cannot load ${file}. Node 22.18 and later load TypeScript; else give a .js or .mjs file, ` +
      'or start the command with a loader: node --import tsx node_modules/.bin/task-execution-engine work --config FILE'
    );
  }
  const where = typeof stack === 'string' ? stack : message;
  return `${file} could not be loaded:\n${printable(where)}`;
}
