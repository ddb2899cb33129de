import { Validator } from '@cfworker/json-schema';
import { TaskExecutionError } from './errors.js';
import type {
  AiSdkSchema,
  Infer,
  JsonSchema,
  OnUnknownOutcome,
  StandardJSONSchema,
  StandardSchema,
  Tool,
  ToolContext,
  ToolSchema,
  Tools,
} from './types.js';
import { describeThrown, toJson } from './values.js';

/** A tool as `tool()` takes it: `input` has the type of the schema. */
export interface ToolDefinition<Schema extends ToolSchema> {
  /** What the model is told about it. */
  description: string;
  /** A plain JSON Schema object, or a Standard Schema. */
  inputSchema: Schema;
  /** The JSON Schema where `inputSchema` cannot say itself as one. */
  jsonSchema?: object | undefined;
  /** Runs it. Absent: the call waits, durably, for `answer()`. What it throws is an error result for the model. */
  execute?(input: Infer<Schema>, context: ToolContext): unknown;
  /** Whether a person has to approve the call first. Default false. */
  needsApproval?: boolean | ((input: Infer<Schema>) => boolean) | undefined;
  /** Default 'report'. */
  onUnknownOutcome?: OnUnknownOutcome | undefined;
  /** After so many milliseconds the call is aborted and its outcome unknown. Default 600,000 (10 minutes). */
  timeoutMs?: number | undefined;
}

/** Types a tool's input from its schema; returns the tool unchanged. */
export function tool<const Schema extends ToolSchema>(definition: ToolDefinition<Schema>): Tool {
  return definition as Tool;
}

/** Says what a plain JSON Schema describes; returns the schema unchanged. The type is a claim that nobody checks. */
export function jsonSchema<T>(schema: object): JsonSchema<T> {
  return schema as JsonSchema<T>;
}

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
}

/** What validation makes of the model's input. */
export type InputCheck = { ok: true; value: unknown } | { ok: false; message: string };

const toolName = /^[a-zA-Z0-9_-]{1,64}$/;
const defaultTimeoutMs = 600_000;
/** More would drown the model. */
const mostIssues = 10;

function invalid(name: string, reason: string, cause?: unknown): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `Tool '${name}': ${reason}`, {
    details: { tool: name },
    cause,
  });
}

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
  return {
    name,
    description,
    inputSchema: await schemaOf(name, each),
    hasExecute: execute !== undefined,
    gate: typeof needsApproval === 'function' ? 'ask' : needsApproval ? 'always' : 'never',
    onUnknownOutcome: typeof onUnknownOutcome === 'function' ? 'lookup' : onUnknownOutcome,
    timeoutMs: Math.min(timeoutMs ?? defaultTimeoutMs, Number.MAX_SAFE_INTEGER),
  };
}

/** Members of `~standard`, where the schema has it. Some libraries' schemas are functions. */
function standardOf(
  schema: unknown,
): Partial<(StandardSchema & StandardJSONSchema)['~standard']> | undefined {
  if (schema === null || (typeof schema !== 'object' && typeof schema !== 'function')) {
    return undefined;
  }
  return (schema as Partial<StandardSchema & StandardJSONSchema>)['~standard'];
}

function isAiSdkSchema(schema: unknown): schema is AiSdkSchema {
  return (
    schema !== null &&
    typeof schema === 'object' &&
    (Symbol.for('vercel.ai.schema') in schema || '_type' in schema || 'validate' in schema) &&
    'jsonSchema' in schema &&
    schema.jsonSchema !== null &&
    typeof schema.jsonSchema === 'object'
  );
}

/** What the model is told: a fresh copy that is surely JSON. */
async function schemaOf(
  name: string,
  { inputSchema, jsonSchema: beside }: Tool,
): Promise<Record<string, unknown>> {
  const written = toJson(beside ?? (await convert(name, inputSchema)));
  if (!written.ok) {
    throw invalid(name, `its JSON Schema is not JSON: ${written.reason}.`);
  }
  const schema: unknown = JSON.parse(written.json ?? 'null');
  if (schema === null || typeof schema !== 'object' || Array.isArray(schema)) {
    throw invalid(name, 'its inputSchema must be a JSON Schema object or a Standard Schema.');
  }
  const { type = 'object', ...rest } = schema as Record<string, unknown>;
  if (type !== 'object') {
    throw invalid(name, `the input of a tool is an object, but its schema has type ${JSON.stringify(type)}.`);
  }
  return { type, ...rest };
}

async function convert(name: string, schema: unknown): Promise<unknown> {
  const standard = standardOf(schema);
  if (standard) {
    const input = standard.jsonSchema?.input;
    if (typeof input !== 'function') {
      throw invalid(
        name,
        `schemas of '${standard.vendor}' cannot say themselves as JSON Schema: add one beside, as jsonSchema.`,
      );
    }
    try {
      return input({ target: 'draft-2020-12' });
    } catch (newer) {
      try {
        return input({ target: 'draft-07' });
      } catch {
        const { message } = describeThrown(newer);
        throw invalid(
          name,
          `its schema has no JSON Schema form (${message}): add one beside, as jsonSchema.`,
          newer,
        );
      }
    }
  }
  if (isAiSdkSchema(schema)) {
    try {
      return await schema.jsonSchema;
    } catch (error) {
      throw invalid(name, `its JSON Schema could not be had: ${describeThrown(error).message}`, error);
    }
  }
  return schema;
}

/**
 * Checks the model's input against a tool's schema. `value` is what `execute` gets: schemas may transform. Never
 * rejects: a validator that throws is a failed check, and the message is meant for the model.
 */
export async function validateInput({ inputSchema }: Tool, input: unknown): Promise<InputCheck> {
  try {
    const standard = standardOf(inputSchema);
    if (typeof standard?.validate === 'function') {
      const result = await standard.validate(input);
      return result.issues
        ? failed(
            result.issues.map(({ message, path }) => ({ message, at: path?.map(stepName).join('.') ?? '' })),
          )
        : { ok: true, value: result.value };
    }
    if (isAiSdkSchema(inputSchema) && inputSchema.validate) {
      const result = await inputSchema.validate(input);
      return result.success
        ? { ok: true, value: result.value }
        : failed([{ message: describeThrown(result.error).message, at: '' }]);
    }
    const validator = await validatorOf(inputSchema);
    const { valid, errors } = validator.validate(input);
    if (valid) {
      return { ok: true, value: input };
    }
    // the outermost findings only repeat that something inside does not match
    const inner = errors.filter(({ keyword }) => !['properties', 'items', '$ref', 'allOf'].includes(keyword));
    return failed(
      (inner.length > 0 ? inner : errors).map(({ error, instanceLocation }) => ({
        message: error,
        at: instanceLocation.replace(/^#\/?/, '').replaceAll('/', '.'),
      })),
    );
  } catch (error) {
    return { ok: false, message: `The input could not be checked: ${describeThrown(error).message}` };
  }
}

function stepName(step: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof step === 'object' ? step.key : step);
}

function failed(issues: { message: string; at: string }[]): InputCheck {
  const lines = issues
    .slice(0, mostIssues)
    .map(({ message, at }) => (at === '' ? message : `${at}: ${message}`));
  const more = issues.length > mostIssues ? ` (and ${issues.length - mostIssues} more)` : '';
  return { ok: false, message: `The input does not match the tool's schema: ${lines.join('; ')}${more}` };
}

const validators = new WeakMap<object, Validator>();

const drafts = { 'draft-04': '4', 'draft-06': '7', 'draft-07': '7', '2019-09': '2019-09' } as const;

async function validatorOf(schema: object): Promise<Validator> {
  const known = validators.get(schema);
  if (known) {
    return known;
  }
  const plain = (await convert('', schema)) as { $schema?: unknown };
  const declared = Object.entries(drafts).find(([name]) => String(plain.$schema).includes(name));
  const validator = new Validator(plain as object, declared?.[1] ?? '2020-12', false);
  validators.set(schema, validator);
  return validator;
}
