import { TaskExecutionError } from '../../errors.js';
import type { AbortSignalLike, ConverseRequest, ConverseStreamEvent, ModelClient } from '../../types.js';
import { anthropicMessages, anthropicTools } from './anthropic.js';
import { callOf, describe, resultOf, textOfChunk } from './chat-result.js';
import { ChatTurn } from './chat-turn.js';
import { asOwnFault } from './own-fault.js';

/** Of the types that the app's function declares, whichever these are. */
export type OfTheApp = any;

/** What the function is told about the turn beside messages and tools. */
export interface StreamChatOptions {
  /** Tokens. */
  maxTokens: number;
  /** Of the model's choice of words. */
  temperature: number;
  /** Empty where the task has none. */
  systemPrompt: string;
}

/**
 * A function that asks the model for one turn. It calls `onChunk` with each piece of text, a string or an object that
 * has it as `text`, `content` or `delta.text`; `onToolCall` with each call, `{ id, name, input }` or as Anthropic and
 * Bedrock write it; and returns, or resolves with, nothing, the text, `{ content }` with a text or the blocks of the
 * message, or `{ text, toolCalls, stopReason or stop_reason, usage }`, each of them optional.
 *
 * It asks once: tools are run by the engine, which calls it again with their results. `onToolCall` returns a promise of
 * nothing.
 */
export type StreamChatResponse<Client> = (
  client: Client,
  messages: OfTheApp,
  tools: OfTheApp,
  options: StreamChatOptions,
  onChunk: (chunk: OfTheApp) => OfTheApp,
  onToolCall: (toolCall: OfTheApp) => OfTheApp,
) => unknown;

/** How the function is called. */
export interface StreamChatResponseOptions {
  /** Whose shape messages and tools have: Bedrock's ConverseStream, or Anthropic's Messages API. Default 'converse'. */
  format?: 'converse' | 'anthropic' | undefined;
  /** Default: 4096 tokens at a temperature of 0.7. */
  inferenceConfig?:
    | {
        /** Tokens of a turn, at most. Default 4096. */
        maxTokens?: number | undefined;
        /** Of the model's choice of words. Default 0.7. */
        temperature?: number | undefined;
      }
    | undefined;
}

/**
 * A model behind a function `(client, messages, tools, options, onChunk, onToolCall)`. Use the stream itself where you
 * can (`bedrockModel`): such a function cannot be cancelled, so that a paused turn goes on unheard and is paid for; a
 * turn counts as whole when it returns, although the connection may have broken; reasoning and usage are known only
 * where its result has them; and `config.model` of a task has no way in.
 *
 * A result or a call that cannot be read fails the task with HOST_CALLBACK, and so does a fault of the program before the
 * model has said anything: whatever `createBedrockClient` throws, a TypeError or a ReferenceError, a missing environment
 * variable. Anything else that the function throws is classified as if the SDK had thrown it. Of two calls with one id the
 * whole one counts.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT for anything but functions and known options
 */
export function fromStreamChatResponse<Client>(
  streamChatResponse: StreamChatResponse<Client>,
  createBedrockClient: () => Client | PromiseLike<Client>,
  options: StreamChatResponseOptions = {},
): ModelClient {
  check(streamChatResponse, createBedrockClient, options);
  const { format = 'converse', inferenceConfig } = options;
  const maxTokens = inferenceConfig?.maxTokens ?? 4096;
  const temperature = inferenceConfig?.temperature ?? 0.7;

  const ask = async (request: ConverseRequest, turn: ChatTurn) => {
    const client = await attempted('createBedrockClient', turn, createBedrockClient);
    // An abort while the client was made saves the request.
    if (turn.isOver) return;
    const { messages = [], toolConfig, system = [] } = request;
    const anthropic = format === 'anthropic';
    const result = await attempted('streamChatResponse', turn, () =>
      streamChatResponse(
        client as Client,
        anthropic ? anthropicMessages(messages) : messages,
        anthropic ? anthropicTools(toolConfig) : (toolConfig?.tools ?? []),
        { maxTokens, temperature, systemPrompt: system.flatMap(({ text }) => text ?? []).join('\n\n') },
        (chunk) => turn.attempt(() => turn.text(textOfChunk(chunk))),
        async (call) => turn.attempt(() => turn.call(callOf(call))),
      ),
    );
    turn.attempt(() => turn.end(resultOf(result)));
  };

  return {
    stream(request, { signal }: { signal: AbortSignalLike }): AsyncIterable<ConverseStreamEvent> {
      const turn = new ChatTurn(signal);
      if (!turn.isOver) ask(request, turn).catch((thrown: unknown) => turn.fail(thrown));
      return turn;
    },
  };
}

async function attempted<T>(
  what: 'createBedrockClient' | 'streamChatResponse',
  turn: ChatTurn,
  call: () => T,
): Promise<Awaited<T>> {
  try {
    return await call();
  } catch (thrown) {
    throw turn.hasBegun ? thrown : asOwnFault(what, thrown);
  }
}

function check(ask: unknown, create: unknown, options: StreamChatResponseOptions): void {
  const refuse = (message: string): never => {
    throw new TaskExecutionError('INVALID_ARGUMENT', `fromStreamChatResponse: ${message}`);
  };
  if (typeof ask !== 'function') refuse(`streamChatResponse must be a function, and is ${describe(ask)}.`);
  if (typeof create !== 'function')
    refuse(`createBedrockClient must be a function, and is ${describe(create)}.`);
  if (typeof options !== 'object' || options === null)
    refuse(`the options must be an object, and are ${describe(options)}.`);
  const { format, inferenceConfig } = options;
  if (format !== undefined && format !== 'converse' && format !== 'anthropic')
    refuse(`format must be 'converse' or 'anthropic', and is ${describe(format)}.`);
  for (const [name, value] of Object.entries(inferenceConfig ?? {})) {
    if (name !== 'maxTokens' && name !== 'temperature')
      refuse(`inferenceConfig.${name} has no place in the call: only maxTokens and temperature have.`);
    if (value !== undefined && !Number.isFinite(value))
      refuse(`inferenceConfig.${name} must be a number, and is ${describe(value)}.`);
  }
}
