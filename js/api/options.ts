import { TaskExecutionError } from '../errors.js';
import type { RunOptions } from '../types.js';
import { describeThrown } from '../values.js';

type Layer = Record<string, unknown>;

const durations = [
  'maxDurationMs',
  'waitForLeaseMs',
  'leaseTtlMs',
  'graceMs',
  'storeTimeoutMs',
  'callbackTimeoutMs',
  'liveMs',
];
const choices: Record<string, string[]> = {
  whileWaiting: ['hold', 'yield'],
  completion: ['end_turn', 'explicit'],
};
const groups: Record<string, string[]> = {
  retry: ['attempts', 'baseMs', 'maxMs', 'totalMs'],
  limits: ['iterations', 'minutes', 'tokens', 'mistakes', 'identicalToolCalls', 'parallelTools'],
};

function invalid(option: string, wanted: string, value: unknown): TaskExecutionError {
  const shown = typeof value === 'string' ? `'${value}'` : shownOf(value);
  return new TaskExecutionError('INVALID_ARGUMENT', `${option} must be ${wanted}, not ${shown}.`, {
    details: { argument: option },
  });
}

function shownOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `a value of type ${typeof value}`;
  }
}

/**
 * Merges the layers of options field by field, the first that has one wins. Infinity becomes the largest exact integer,
 * which is how the core says it.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT, naming the option
 */
export function mergeRunOptions(...layers: (RunOptions | undefined)[]): Layer {
  try {
    return merge(layers);
  } catch (thrown) {
    if (TaskExecutionError.is(thrown)) throw thrown;
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      `The options of the run cannot be read: ${describeThrown(thrown).message}.`,
      { cause: thrown },
    );
  }
}

function merge(layers: (RunOptions | undefined)[]): Layer {
  const given = layers.filter((layer) => layer !== undefined && layer !== null) as Layer[];
  const merged = pick(given, '', durations);
  for (const [name, allowed] of Object.entries(choices)) {
    const value = first(given, name);
    if (value === undefined) continue;
    if (!allowed.includes(value as string))
      throw invalid(name, allowed.map((one) => `'${one}'`).join(' or '), value);
    merged[name] = value;
  }
  for (const [name, members] of Object.entries(groups)) {
    const inner = given.map((layer) => layer[name]).filter((group) => group !== undefined && group !== null);
    for (const group of inner) if (typeof group !== 'object') throw invalid(name, 'an object', group);
    merged[name] = pick(inner as Layer[], `${name}.`, members);
  }
  merged.idleTimeoutMs = pick(given.map(silences), 'idleTimeoutMs.', ['first', 'between']);
  return merged;
}

/** A number is for both. */
function silences({ idleTimeoutMs: given }: Layer): Layer {
  if (given === undefined) return {};
  if (typeof given === 'object' && given !== null) return given as Layer;
  if (typeof given !== 'number' || !(given >= 0)) {
    throw invalid('idleTimeoutMs', 'a number from 0 on, or an object with first and between', given);
  }
  return { first: given, between: given };
}

function pick(layers: Layer[], prefix: string, names: string[]): Layer {
  const picked: Layer = {};
  for (const name of names) {
    const value = first(layers, name);
    if (value === undefined) continue;
    if (typeof value !== 'number' || !(value >= 0)) throw invalid(prefix + name, 'a number from 0 on', value);
    picked[name] = Math.min(value, Number.MAX_SAFE_INTEGER);
  }
  return picked;
}

function first(layers: Layer[], name: string): unknown {
  return layers.find((layer) => layer[name] !== undefined)?.[name];
}
