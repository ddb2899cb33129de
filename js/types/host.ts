import type { ConverseRequest, ConverseStreamEvent } from './converse.js';
import type { AbortSignalLike } from './signal.js';
import type { TaskStore } from './store.js';
import type { Milestone, Task, TaskItem } from './task.js';
import type { ToolCall, Tools } from './tool.js';

/** Time, injected. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
  /** Calls back once, `ms` milliseconds from now. Returns what cancels it. */
  after(ms: number, fn: () => void): () => void;
}

/** Where the engine writes what is worth a line; `console` is one. */
export interface Logger {
  /** What only helps to find a mistake. */
  debug(...data: unknown[]): void;
  /** What happened in the ordinary way. */
  info(...data: unknown[]): void;
  /** What should not happen, and was got over. */
  warn(...data: unknown[]): void;
  /** What somebody has to look at. */
  error(...data: unknown[]): void;
}

/** A model that streams as Bedrock's ConverseStream does. */
export interface ModelClient {
  /** The model that it asks where a task names none: reasoning goes back to the model that wrote it, and to no other. */
  readonly modelId?: string | undefined;
  /** The stream of one turn. Once `signal` is aborted, nothing more is wanted of it. */
  stream(
    request: ConverseRequest,
    options: {
      /** Aborted once nothing more is wanted. */
      signal: AbortSignalLike;
    },
  ): AsyncIterable<ConverseStreamEvent> | Promise<AsyncIterable<ConverseStreamEvent>>;
}

/** What `prompt` makes a user turn of. */
export interface PromptContext {
  /** As it is stored now. */
  task: Task;
  /** The item's, where it has one. */
  milestone?: Milestone;
  /** What is to be worked on. */
  item: TaskItem;
}

/** Everything that the engine is given. */
export interface TaskHost {
  /** Where tasks are kept. */
  store: TaskStore;
  /** Only needed to run. */
  model?: ModelClient | undefined;
  /** The tools of every task, or of a task as its document is. Default: none. */
  tools?: Tools | ((task: Task) => Tools | Promise<Tools>) | undefined;
  /** The text of the user turn that states an item, instead of the built-in template. */
  prompt?: ((context: PromptContext) => string | Promise<string>) | undefined;
  /** Whether a person has to approve this call. */
  approval?: ((call: ToolCall, task: Task) => boolean | Promise<boolean>) | undefined;
  /** How runs go, where nothing else says so. */
  defaults?: RunOptions | undefined;
  /** Default: the platform's. */
  clock?: Clock | undefined;
  /** Uniform in 0..1, for ids and jitter. Default: the platform's. */
  random?: (() => number) | undefined;
  /** Default: nothing is logged. */
  logger?: Logger | undefined;
  /** Gets what listeners throw. Default: `console.error`. */
  onListenerError?: ((error: unknown, event: string) => void) | undefined;
}

/**
 * How to run. Each field is looked for in turn in `run()`, the constructor, `host.defaults`, the task's `config`, and
 * is else the default given here. Infinity switches a limit off.
 */
export interface RunOptions {
  /** The platform's limit on a run in milliseconds, from `run()` on; grace and storing fit inside it. Default: none. */
  maxDurationMs?: number | undefined;
  /** With only waiting calls left: stay, or end as `yielded`. Default 'hold'. */
  whileWaiting?: 'hold' | 'yield' | undefined;
  /** How long to wait for another owner's lease, live ones too; 0 not at all. Default: until it proves to be alive. */
  waitForLeaseMs?: number | undefined;
  /** After so long without a renewal others take the task. Default 30,000; more than a day is a day. */
  leaseTtlMs?: number | undefined;
  /** What running tools get to finish in at a pause. Default 10,000; more than a day is a day, as others wait for it. */
  graceMs?: number | undefined;
  /** How long to try to store something. Default 15,000; more than a day is a day. */
  storeTimeoutMs?: number | undefined;
  /** Of the resolver, `tools()`, `prompt`, approvals and look-ups; not of model, store or tools. Default 30,000. */
  callbackTimeoutMs?: number | undefined;
  /**
   * Silence of the model: from the request to the first event, and between events; a number is for both. Default 120,000
   * and 360,000: providers are silent for minutes while a model writes a large tool input.
   */
  idleTimeoutMs?:
    | number
    | {
        /** From the request to the first event. Default 120,000. */
        first?: number | undefined;
        /** Between two events. Default 360,000. */
        between?: number | undefined;
      }
    | undefined;
  /**
   * How often the text of a turn under way is stored (`engine/live`, its last 4 KB), so that `events()` in other processes
   * has it: a write each time, at most every 100 ms, in Firestore every 1,000. Default: Infinity, not at all; routes of
   * `task-execution-engine/server` have a default of their own.
   */
  liveMs?: number | undefined;
  /** What completes an item: a turn without tool use, or only the built-in tool for it. Default 'end_turn'. */
  completion?: 'end_turn' | 'explicit' | undefined;
  /** Of one turn of the model. */
  retry?:
    | {
        /** Default 6. */
        attempts?: number | undefined;
        /** Doubles with every attempt, with full jitter. Default 1,000. */
        baseMs?: number | undefined;
        /** Default 30,000. */
        maxMs?: number | undefined;
        /** What failing and waiting may take together; an answer that streams takes none of it. Default 300,000 (5 minutes). */
        totalMs?: number | undefined;
      }
    | undefined;
  /** What pauses a task. An explicit resume grants a fresh allowance. */
  limits?:
    | {
        /** Model calls. Default 500. */
        iterations?: number | undefined;
        /** Active time; waiting for people is not counted. Default 120. */
        minutes?: number | undefined;
        /** All of them, what the cache reads and writes included. Default: none. */
        tokens?: number | undefined;
        /** In a row: turns whose calls failed and of which none succeeded, and nudges. Default 5. */
        mistakes?: number | undefined;
        /** The same calls with the same answers in a row, turn by turn or in a pattern of up to three turns; the model is nudged two before. Default 5. */
        identicalToolCalls?: number | undefined;
        /** Calls of a turn that run at the same time; the others wait for their turn. Default 16. */
        parallelTools?: number | undefined;
      }
    | undefined;
}
