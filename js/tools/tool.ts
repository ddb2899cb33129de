import type { Infer, JsonSchema, OnUnknownOutcome, Tool, ToolContext, ToolSchema } from '../types.js';

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
  /** Runs alone: calls of a turn before it first, those after it later. Default false. */
  exclusive?: boolean | undefined;
  /** UTF-8 bytes of text or JSON that the model gets; the middle of what is longer is left out. Default 100,000. */
  maxResultBytes?: number | undefined;
}

/** Types a tool's input from its schema; returns the tool unchanged. */
export function tool<const Schema extends ToolSchema>(definition: ToolDefinition<Schema>): Tool {
  return definition as Tool;
}

/** Says what a plain JSON Schema describes; returns the schema unchanged. The type is a claim that nobody checks. */
export function jsonSchema<T>(schema: object): JsonSchema<T> {
  return schema as JsonSchema<T>;
}
