import { TaskExecutionError } from '../../errors.js';
import type { ConverseRequest, ConverseStreamEvent, ModelClient, Opaque } from '../../types.js';
import { withCachePoints } from './caching.js';
import {
  type BedrockClientLike,
  type BedrockSdk,
  loadBedrockSdk,
  recommendedClient,
  warnOfSettings,
} from './client.js';
import { caching, takesTextBesideToolResults, takesWholeSchemas, toolUseIds } from './model-family.js';
import { withPlainSchemas } from './nova-schema.js';
import { fieldsFor } from './thinking.js';
import { withTextInsideToolResults } from './tool-result-text.js';
import { withToolUseIds } from './tool-use-ids.js';

/** Which model, and how it is asked. One of `client` and `region` has to be there. */
export interface BedrockModelOptions {
  /** A client of your own. Its settings are looked at once: HTTP/2, no time limit and retries of the SDK's own bring a warning. */
  client?: BedrockClientLike | undefined;
  /** Makes a client with the recommended settings, and the credentials that the SDK finds by itself. */
  region?: string | undefined;
  /** A model, an inference profile, or its ARN. The task's `config.model` comes before it. */
  modelId: string;
  /** Default: the model's own. */
  inferenceConfig?: ConverseRequest['inferenceConfig'];
  /** As ConverseStream takes it. */
  guardrailConfig?: Opaque;
  /** As ConverseStream takes it: reasoning is switched on here, for example. */
  additionalModelRequestFields?: Opaque;
  /** Cache points in every request. Default: for Claude and Nova models that have prompt caching. */
  promptCaching?: boolean | undefined;
  /** Whether a message may have text beside tool results. Default: not for Llama and Mistral models. */
  textBesideToolResults?: boolean | undefined;
  /** Where the warning goes. Default: the console. */
  logger?:
    | {
        /** Takes a warning. */
        warn(message: string): void;
      }
    | undefined;
  /** The SDK's classes, where a bundler keeps them from being found. */
  sdk?: BedrockSdk | undefined;
}

/**
 * A model on Amazon Bedrock, streamed by ConverseStream. An abort, and leaving the stream early, close the connection.
 * The caller needs the permission `bedrock:InvokeModelWithResponseStream`.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT where model id, client and region do not make a model; from `stream`
 * NOT_CONFIGURED where the SDK is missing, and whatever the SDK throws
 */
export function bedrockModel(options: BedrockModelOptions): ModelClient {
  check(options);
  let connecting: Promise<{ client: BedrockClientLike; sdk: BedrockSdk }> | undefined;
  const connect = () => {
    connecting ??= connected(options).catch((error: unknown) => {
      connecting = undefined;
      throw error;
    });
    return connecting;
  };

  return {
    modelId: options.modelId,
    async stream(request, { signal }) {
      const { client, sdk } = await connect();
      const controller = new AbortController();
      const abort = () => controller.abort();
      if (signal.aborted) {
        abort();
      }
      signal.addEventListener('abort', abort, { once: true });
      const leave = () => {
        signal.removeEventListener('abort', abort);
        abort();
      };
      try {
        const command = new sdk.ConverseStreamCommand(prepared(request, options));
        const { stream } = await client.send(command, { abortSignal: controller.signal });
        return closing(stream as AsyncIterable<ConverseStreamEvent>, leave);
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}

/** The request as this model takes it. */
function prepared(request: ConverseRequest, options: BedrockModelOptions): ConverseRequest {
  const modelId = request.modelId ?? options.modelId;
  const family = caching(modelId);
  const ids = toolUseIds(modelId);
  const named = ids === undefined ? request : withToolUseIds(request, ids);
  const placed =
    (options.textBesideToolResults ?? takesTextBesideToolResults(modelId))
      ? named
      : withTextInsideToolResults(named);
  const told = takesWholeSchemas(modelId) ? placed : withPlainSchemas(placed);
  const cached = (options.promptCaching ?? family.prompt) ? withCachePoints(told, family) : told;
  const { inferenceConfig, guardrailConfig } = options;
  const additionalModelRequestFields = fieldsFor(request.messages, options.additionalModelRequestFields);
  return {
    ...defined({ inferenceConfig, guardrailConfig, additionalModelRequestFields }),
    ...cached,
    modelId,
  };
}

function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** `break` out of the SDK's stream leaves the connection open and the server sending: whoever leaves closes it. */
function closing<T>(stream: AsyncIterable<T>, leave: () => void): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = stream[Symbol.asyncIterator]();
      return {
        next: () => iterator.next(),
        async return() {
          leave();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

async function connected(
  options: BedrockModelOptions,
): Promise<{ client: BedrockClientLike; sdk: BedrockSdk }> {
  const sdk = await loadBedrockSdk(options.sdk);
  if (options.client === undefined) {
    return { client: await recommendedClient(options.region as string, sdk), sdk };
  }
  await warnOfSettings(options.client, (message) => (options.logger ?? console).warn(message));
  return { client: options.client, sdk };
}

function check(options: BedrockModelOptions): void {
  const refuse = (message: string): never => {
    throw new TaskExecutionError('INVALID_ARGUMENT', `bedrockModel: ${message}`);
  };
  const { modelId, client, region } = options ?? {};
  if (typeof modelId !== 'string' || modelId === '') {
    refuse('modelId must be the id or ARN of a model or an inference profile.');
  }
  if ((client === undefined) === (region === undefined)) {
    refuse('give either a client or a region.');
  }
  if (client !== undefined && typeof client.send !== 'function') {
    refuse('client must be a BedrockRuntimeClient of AWS SDK v3.');
  }
  if (region !== undefined && (typeof region !== 'string' || region === '')) {
    refuse('region must be the name of a region, us-east-1 for example.');
  }
}
