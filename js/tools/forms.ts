import { TaskExecutionError } from '../errors.js';
import type { AiSdkSchema, StandardJSONSchema, StandardSchema } from '../types.js';
import { describeThrown, toJson } from '../values.js';

/** The error for a tool that cannot be used. */
export function invalid(name: string, reason: string, cause?: unknown): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `Tool '${name}': ${reason}`, {
    details: { tool: name },
    cause,
  });
}

/** Members of `~standard`, where the schema has it. Some libraries' schemas are functions. */
export function standardOf(
  schema: unknown,
): Partial<(StandardSchema & StandardJSONSchema)['~standard']> | undefined {
  if (schema === null || (typeof schema !== 'object' && typeof schema !== 'function')) {
    return undefined;
  }
  return (schema as Partial<StandardSchema & StandardJSONSchema>)['~standard'];
}

export function isAiSdkSchema(schema: unknown): schema is AiSdkSchema {
  return (
    schema !== null &&
    typeof schema === 'object' &&
    (Symbol.for('vercel.ai.schema') in schema || '_type' in schema || 'validate' in schema) &&
    'jsonSchema' in schema &&
    schema.jsonSchema !== null &&
    typeof schema.jsonSchema === 'object'
  );
}

/** The JSON Schema of any kind of schema, as its library hands it out. */
export async function jsonSchemaOf(name: string, schema: unknown): Promise<unknown> {
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

/** A schema object as it is now, whatever its owner does to it later. */
export function jsonCopy(name: string, schema: unknown): Record<string, unknown> {
  const written = toJson(schema);
  if (!written.ok) {
    throw invalid(name, `its JSON Schema is not JSON: ${written.reason}.`);
  }
  const copy: unknown = JSON.parse(written.json ?? 'null');
  if (copy === null || typeof copy !== 'object' || Array.isArray(copy)) {
    throw invalid(name, 'its inputSchema must be a JSON Schema object or a Standard Schema.');
  }
  return copy as Record<string, unknown>;
}
