import { systemClock } from '../clock.js';
import { copied } from '../transcript.js';
import type {
  AbortSignalLike,
  Clock,
  ConverseRequest,
  ConverseStreamEvent,
  JsonValue,
  ModelClient,
  StopReason,
  TokenUsage,
} from '../types.js';

/** A turn of the model in parts; reasoning comes first, then text, then tool uses. */
export interface TurnParts {
  /** What it says. */
  text?: string;
  /** What it thinks. */
  reasoning?: string;
  /** `id` is made up where it is absent. */
  tools?: {
    /** The tool that it calls. */
    name: string;
    /** What it calls it with. */
    input: object;
    /** The id of the tool use. Default: one is made up. */
    id?: string;
  }[];
  /** Default: 'tool_use' with tools, else 'end_turn'. */
  stopReason?: StopReason | (string & {});
  /** Default: an estimate. Null: the turn ends without `metadata`. */
  usage?: Partial<TokenUsage> | null;
  /**
   * `throttled`: refused as the SDK's ThrottlingException; `cut`: the stream ends without `messageStop`; `stall`: it
   * falls silent until it is aborted; an Error: thrown after what there is to stream, or at once where there is
   * nothing.
   */
  fail?: 'throttled' | 'cut' | 'stall' | Error;
}

/** What the model says when it is asked: its text, its parts, its very events, or whatever the request calls for. */
export type Turn = string | TurnParts | ConverseStreamEvent[] | ((request: ConverseRequest) => Turn);

/** How a scripted model behaves. */
export interface ScriptedModelOptions {
  /** Characters per delta. Default 16. */
  chunkSize?: number;
  /** Milliseconds before each event. Default 0. */
  delayMs?: number;
  /** For the delay. Default: the platform's. */
  clock?: Clock;
  /** Keep a copy of each request. Default true. */
  record?: boolean;
}

/** A model for tests and demonstrations. */
export interface ScriptedModel extends ModelClient {
  /** Copies of the requests so far. */
  readonly requests: ConverseRequest[];
  /**
   * Checks that every turn was asked for, and no other.
   *
   * @throws Error where turns are left over, or more were asked for than were scripted
   */
  assertDone(): void;
}

/** An error as the SDK throws it. */
function serviceError(name: string, status: number, message: string, cause?: unknown): Error {
  const error = new Error(message, { cause });
  return Object.assign(error, {
    name,
    $fault: status < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode: status, attempts: 1 },
  });
}

function abortError(): Error {
  return Object.assign(new Error('Request aborted'), { name: 'AbortError' });
}

/**
 * A model that answers each request with the next of its turns; a single function answers every request. Missing turns
 * fail loudly, as a permanent error.
 */
export function scriptedModel(
  turns: Turn[] | ((request: ConverseRequest) => Turn),
  options: ScriptedModelOptions = {},
): ScriptedModel {
  const { chunkSize = 16, delayMs = 0, clock = systemClock, record = true } = options;
  const requests: ConverseRequest[] = [];
  let asked = 0;

  const take = (request: ConverseRequest): TurnParts | ConverseStreamEvent[] => {
    let turn: Turn | undefined = typeof turns === 'function' ? turns : turns[asked];
    asked += 1;
    while (typeof turn === 'function') {
      try {
        turn = turn(request);
      } catch (cause) {
        throw serviceError('ValidationException', 400, `scriptedModel: turn ${asked} threw: ${cause}`, cause);
      }
    }
    if (turn === undefined || turn === null) {
      const scripted = typeof turns === 'function' ? 'the script' : `${turns.length} scripted turn(s)`;
      throw serviceError(
        'ValidationException',
        400,
        `scriptedModel: request ${asked} has no turn in ${scripted}.`,
      );
    }
    return typeof turn === 'string' ? { text: turn } : turn;
  };

  return {
    requests,
    async stream(request, { signal }) {
      if (record) {
        requests.push(copied(request));
      }
      const turn = take(request);
      if (signal.aborted) {
        throw abortError();
      }
      if (Array.isArray(turn)) {
        return play(turn, undefined, { signal, delayMs, clock });
      }
      if (turn.fail === 'throttled') {
        throw serviceError('ThrottlingException', 429, 'Too many requests, please wait before trying again.');
      }
      const content = [...contentEvents(turn, request, chunkSize)];
      if (turn.fail instanceof Error && content.length === 0) {
        throw turn.fail;
      }
      const start: ConverseStreamEvent = { messageStart: { role: 'assistant' } };
      const events = turn.fail
        ? [start, ...content.slice(0, -1)]
        : [start, ...content, ...endEvents(turn, request)];
      return play(events, turn.fail, { signal, delayMs, clock });
    },
    assertDone() {
      if (Array.isArray(turns) && asked !== turns.length) {
        const what = asked < turns.length ? 'are left over' : 'are missing';
        throw new Error(
          `scriptedModel: ${Math.abs(turns.length - asked)} turn(s) ${what} (${turns.length} scripted, ${asked} requests).`,
        );
      }
    },
  };
}

/** Pieces of a text, never half a character. */
function* chunks(text: string, size: number): Generator<string> {
  const characters = Array.from(text);
  for (let i = 0; i < characters.length; i += size) {
    yield characters.slice(i, i + size).join('');
  }
}

function* contentEvents(
  turn: TurnParts,
  request: ConverseRequest,
  size: number,
): Generator<ConverseStreamEvent> {
  let contentBlockIndex = 0;
  const stop = (): ConverseStreamEvent => ({ contentBlockStop: { contentBlockIndex: contentBlockIndex++ } });
  if (turn.reasoning) {
    for (const text of chunks(turn.reasoning, size)) {
      yield { contentBlockDelta: { contentBlockIndex, delta: { reasoningContent: { text } } } };
    }
    const signature = `signature-of-${turn.reasoning.length}`;
    yield { contentBlockDelta: { contentBlockIndex, delta: { reasoningContent: { signature } } } };
    yield stop();
  }
  if (turn.text) {
    for (const text of chunks(turn.text, size)) {
      yield { contentBlockDelta: { contentBlockIndex, delta: { text } } };
    }
    yield stop();
  }
  for (const [n, { name, input, id }] of (turn.tools ?? []).entries()) {
    // unlike a counter, the same after a restart
    const toolUseId = id ?? `tooluse_${request.messages?.length ?? 0}_${n}`;
    yield { contentBlockStart: { contentBlockIndex, start: { toolUse: { toolUseId, name } } } };
    for (const fragment of chunks(JSON.stringify(input), size)) {
      yield { contentBlockDelta: { contentBlockIndex, delta: { toolUse: { input: fragment } } } };
    }
    yield stop();
  }
}

function* endEvents(turn: TurnParts, request: ConverseRequest): Generator<ConverseStreamEvent> {
  const stopReason = (turn.stopReason ?? (turn.tools?.length ? 'tool_use' : 'end_turn')) as StopReason;
  yield { messageStop: { stopReason } };
  if (turn.usage !== null) {
    const said = { reasoning: turn.reasoning, text: turn.text, tools: turn.tools } as JsonValue;
    const inputTokens = turn.usage?.inputTokens ?? estimate(request.messages);
    const outputTokens = turn.usage?.outputTokens ?? estimate(said);
    const usage = { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, ...turn.usage };
    yield { metadata: { usage, metrics: { latencyMs: 0 } } };
  }
}

/** About four characters a token. */
function estimate(value: unknown): number {
  return Math.ceil((JSON.stringify(value) ?? '').length / 4);
}

async function* play(
  events: ConverseStreamEvent[],
  fail: TurnParts['fail'],
  { signal, delayMs, clock }: { signal: AbortSignalLike; delayMs: number; clock: Clock },
): AsyncGenerator<ConverseStreamEvent> {
  for (const event of events) {
    if (delayMs > 0) {
      await new Promise<void>((resolve) => {
        const finish = () => {
          cancel();
          signal.removeEventListener('abort', finish);
          resolve();
        };
        const cancel = clock.after(delayMs, finish);
        signal.addEventListener('abort', finish);
      });
    }
    // aborted, the SDK's iterator ends without an error
    if (signal.aborted) {
      return;
    }
    yield event;
  }
  if (fail === 'stall') {
    await new Promise<void>((resolve) => {
      if (signal.aborted) {
        resolve();
      }
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
  if (fail instanceof Error && !signal.aborted) {
    throw fail;
  }
}
