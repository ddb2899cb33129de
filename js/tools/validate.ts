import type { Tool } from '../types.js';
import { describeThrown } from '../values.js';
import { isAiSdkSchema, jsonCopy, jsonSchemaOf, standardOf } from './forms.js';
import { Schema } from './schema/schema.js';

/** What validation makes of the model's input. */
export type InputCheck = { ok: true; value: unknown } | { ok: false; message: string };

/** More would drown the model. */
const mostIssues = 10;

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
    const schema = schemas.get(inputSchema) ?? (await compiled('', inputSchema));
    const issues = await schema.check(input);
    return issues.length === 0 ? { ok: true, value: input } : failed(issues);
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

const schemas = new WeakMap<object, Schema>();

/**
 * Compiles the schema that inputs of the tool are checked against, where the check is ours and not its library's.
 *
 * @throws SchemaRefusal for one that cannot be used
 */
export async function prepareCheck(name: string, { inputSchema }: Tool): Promise<void> {
  const isTheirs =
    typeof standardOf(inputSchema)?.validate === 'function' ||
    (isAiSdkSchema(inputSchema) && inputSchema.validate !== undefined);
  if (!isTheirs) await compiled(name, inputSchema);
}

async function compiled(name: string, inputSchema: Tool['inputSchema']): Promise<Schema> {
  const schema = new Schema(jsonCopy(name, await jsonSchemaOf(name, inputSchema)));
  schemas.set(inputSchema, schema);
  return schema;
}
