import { TaskExecutionError } from '../errors.js';
import type { Tool, Tools } from '../types.js';
import { invalid, jsonCopy, jsonSchemaOf } from './forms.js';
import { leastResultBytes } from './result.js';
import { flattened } from './schema/flatten.js';
import { SchemaRefusal } from './schema/references.js';
import { typesOf } from './schema/values.js';
import { prepareCheck } from './validate.js';

/** A tool in the words of the engine. */
export interface ToolSpec {
  name: string;
  description: string;
  /** JSON Schema, `type: 'object'`. */
  inputSchema: Record<string, unknown>;
  hasExecute: boolean;
  /** Whether calls need approval; `ask`: the tool's function says for each. */
  gate: 'never' | 'always' | 'ask';
  onUnknownOutcome: 'report' | 'rerun' | 'ask' | 'lookup';
  /** Milliseconds. */
  timeoutMs: number;
  /** Runs alone. */
  exclusive: boolean;
}

const toolName = /^[a-zA-Z0-9_-]{1,64}$/;
const defaultTimeoutMs = 600_000;

/**
 * Checks the tools of a host and says them as the engine and the model need them.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT, naming the tool and what is wrong with it.
 */
export async function describeTools(tools: Tools | undefined): Promise<ToolSpec[]> {
  if (tools === undefined) {
    return [];
  }
  if (tools === null || typeof tools !== 'object' || Symbol.iterator in tools) {
    throw new TaskExecutionError('INVALID_ARGUMENT', 'tools must be an object: tools by name.');
  }
  return Promise.all(Object.entries(tools).map(([name, each]) => describe(name, each)));
}

async function describe(name: string, each: Tool): Promise<ToolSpec> {
  if (!toolName.test(name)) {
    throw invalid(name, 'models take only names of 1 to 64 letters, digits, underscores and hyphens.');
  }
  if (each === null || typeof each !== 'object') {
    throw invalid(name, 'is not an object.');
  }
  const { description, execute, needsApproval = false, onUnknownOutcome = 'report', timeoutMs } = each;
  const { exclusive = false, maxResultBytes } = each;
  if (typeof description !== 'string' || description.trim() === '') {
    throw invalid(name, 'needs a description.');
  }
  if (execute !== undefined && typeof execute !== 'function') {
    throw invalid(name, 'execute must be a function, or absent where a person answers.');
  }
  if (typeof needsApproval !== 'boolean' && typeof needsApproval !== 'function') {
    throw invalid(name, 'needsApproval must be a boolean or a function.');
  }
  if (typeof onUnknownOutcome !== 'function' && !['report', 'rerun', 'ask'].includes(onUnknownOutcome)) {
    throw invalid(name, "onUnknownOutcome must be 'report', 'rerun', 'ask' or a function.");
  }
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0)) {
    throw invalid(name, 'timeoutMs must be a number of milliseconds above 0.');
  }
  if (typeof exclusive !== 'boolean') {
    throw invalid(name, 'exclusive must be a boolean.');
  }
  if (
    maxResultBytes !== undefined &&
    !(typeof maxResultBytes === 'number' && maxResultBytes >= leastResultBytes)
  ) {
    throw invalid(name, `maxResultBytes must be a number of bytes, at least ${leastResultBytes}.`);
  }
  return {
    name,
    description,
    inputSchema: await schemaOf(name, each),
    hasExecute: execute !== undefined,
    gate: typeof needsApproval === 'function' ? 'ask' : needsApproval ? 'always' : 'never',
    onUnknownOutcome: typeof onUnknownOutcome === 'function' ? 'lookup' : onUnknownOutcome,
    timeoutMs: Math.min(timeoutMs ?? defaultTimeoutMs, Number.MAX_SAFE_INTEGER),
    exclusive,
  };
}

/** What the model is told: a fresh copy that is surely JSON, without a union at its top. */
async function schemaOf(name: string, each: Tool): Promise<Record<string, unknown>> {
  const { inputSchema, jsonSchema: beside } = each;
  const schema = jsonCopy(name, beside ?? (await jsonSchemaOf(name, inputSchema)));
  try {
    await prepareCheck(name, each);
    const { type = 'object', ...rest } = flattened(schema);
    // `['object', 'null']`: nobody can call a tool with null.
    if (typesOf(type)?.includes('object')) return { type: 'object', ...rest };
    throw new SchemaRefusal(`has type ${JSON.stringify(type)}, and the input of a tool is an object`);
  } catch (thrown) {
    if (!(thrown instanceof SchemaRefusal)) throw thrown;
    throw invalid(name, `its schema ${thrown.message}.`);
  }
}
