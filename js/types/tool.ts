import type { ToolResultContentBlock } from './converse.js';
import type { JsonSchema, StandardSchema } from './schema.js';
import type { AbortSignalLike } from './signal.js';

/** A tool use of the model. `id` is the `toolCallId` that commands take. */
export interface ToolCall {
  /** The same as `toolCallId` elsewhere; unique within the task. */
  id: string;
  /** The tool's. */
  name: string;
  /** What the model passes, checked against the schema. */
  input: object;
}

/** What `execute` gets beside the input. */
export interface ToolContext {
  /** Which task. */
  taskId: string;
  /** Whose task it is. */
  userId: string;
  /** Which call. */
  toolCallId: string;
  /** 1 for the first start of this call, more for reruns. */
  attempt: number;
  /** The same for every attempt at this call, and for no other call: hand it to services that take one. */
  idempotencyKey: string;
  /** Aborted by stop, by pause after its grace, and after `timeoutMs`. */
  signal: AbortSignalLike;
  /**
   * Tells whoever watches how far a long call is, as text or as a number from 0 to 1: the live event `task:tool_progress`,
   * at most ten a second. Nothing of it is stored, and the model does not see it.
   */
  report(progress: string | number): void;
}

/**
 * What happens to a call whose outcome is unknown, because the process died or the call was cut off while it ran:
 * `report` tells model and user so; `rerun` runs it again with the same key (for tools that are idempotent); `ask`
 * waits for a person; a function looks the outcome up and returns it, or nothing where there is none.
 */
export type OnUnknownOutcome = 'report' | 'rerun' | 'ask' | ((call: ToolCall) => unknown);

/** Something that the model can have done. */
export interface Tool {
  /** What the model is told about it. */
  description: string;
  /** A plain JSON Schema object, or a Standard Schema. */
  inputSchema: JsonSchema | StandardSchema;
  /** The JSON Schema where `inputSchema` cannot say itself as one. */
  jsonSchema?: object | undefined;
  /**
   * Runs it. Absent: the call waits, durably, for `answer()`. What it throws is an error result for the model. A generator
   * gives what it returns, or else yielded last.
   */
  execute?(input: any, context: ToolContext): unknown;
  /** Whether a person has to approve the call first. Default false. */
  needsApproval?: boolean | ((input: any) => boolean) | undefined;
  /** Default 'report'. */
  onUnknownOutcome?: OnUnknownOutcome | undefined;
  /** After so many milliseconds the call is aborted and its outcome unknown. Default 600,000 (10 minutes). */
  timeoutMs?: number | undefined;
  /**
   * Runs alone: calls of a turn before it first, those after it later. One that waits for a person holds back those after
   * it. Default false.
   */
  exclusive?: boolean | undefined;
  /**
   * UTF-8 bytes of text or JSON that the model gets: beyond, head and tail around a mark that says how much is missing, as
   * text. Default 100,000. What `content(…)` makes is never cut.
   */
  maxResultBytes?: number | undefined;
}

/** Tools by name; names match `[a-zA-Z0-9_-]{1,64}`. */
export type Tools = Record<string, Tool>;

/** A result that is not the tool's own: given by `answer()` or `saveToolResult()`. */
export interface ToolResult {
  /** The call that it answers. */
  toolCallId: string;
  /** Any value that JSON can say. */
  result: unknown;
  /** True: the model is told that the call failed. Default false. */
  error?: boolean | undefined;
}

/** A stored result. */
export interface ToolResultRecord {
  /** The call that it answers. */
  toolCallId: string;
  /** The tool's name. */
  name: string;
  /** Whether the model was told that the call failed. */
  status: 'success' | 'error';
  /** What the model was given. */
  content: ToolResultContentBlock[];
  /** Set where nobody knows what the call did. */
  unknown?: true;
  /** So many bytes of what the tool returned were left out. */
  cutBytes?: number;
  /** The journal entry that holds it. */
  seq: number;
  /** ISO 8601. */
  at: string;
}

/** A call that waits for a person. */
export interface WaitingCall {
  /** The call that waits. */
  toolCall: ToolCall;
  /** `approval`: approve or reject; `input`: answer or reject; `unknown_outcome`: any of the three. */
  why: 'approval' | 'input' | 'unknown_outcome';
  /** Of the item at work. */
  itemId: string;
  /** ISO 8601. */
  since: string;
}
