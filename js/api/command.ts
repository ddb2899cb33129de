import { Machine, type MachineListener } from '../machine.js';
import type { RunOptions, TaskHost } from '../types.js';
import { seedOf } from './active-run.js';
import { typed } from './arguments.js';
import { mergeRunOptions } from './options.js';
import { instance, keyOf, localRun } from './registry.js';

/** What a command of the core is told beyond the task and the store. */
export type CommandArguments = Record<string, unknown>;

const silent: MachineListener = { event: () => {}, delta: () => {}, status: () => {} };

/**
 * Runs a command or a read of the core and returns its answer.
 *
 * @throws TaskExecutionError
 */
export async function execute(...order: Parameters<typeof ask>): Promise<unknown> {
  try {
    return await ask(...order);
  } catch (thrown) {
    throw typed(thrown);
  }
}

async function ask(
  host: TaskHost,
  ids: { userId: string; taskId: string },
  kind: string,
  args: CommandArguments,
  options: RunOptions = {},
  listener: MachineListener = silent,
): Promise<unknown> {
  const { store } = host;
  const config = {
    ...args,
    taskId: ids.taskId,
    userId: ids.userId,
    options: mergeRunOptions(options, host.defaults),
    limits: { documentBytes: store.limits.documentBytes, commitBytes: store.limits.commitBytes },
    holder: store.holder?.id ?? null,
    instance: instance(),
    seed: seedOf(host),
    hasWatch: typeof store.watch === 'function',
  };
  const runs = () => localRun(keyOf(host, ids.userId, ids.taskId)) !== undefined;
  const machine = await Machine.begin(kind, config, host, { ...listener, runs });
  return machine.result;
}
