import { loadPeer } from '#peers';
import { TaskExecutionError } from '../../errors.js';

/** A `BedrockRuntimeClient` of AWS SDK v3. */
export interface BedrockClientLike {
  readonly config: any;
  send(command: any, options?: any): Promise<any>;
}

/** The classes of `@aws-sdk/client-bedrock-runtime` that the model uses. */
export interface BedrockSdk {
  BedrockRuntimeClient?: any;
  ConverseStreamCommand: any;
}

/** A connection that is silent for so long is given up: milliseconds. Beyond the engine's default of `idleTimeoutMs.between`. */
const socketTimeoutMs = 420_000;
const connectionTimeoutMs = 10_000;

/** @throws TaskExecutionError NOT_CONFIGURED where the SDK is not installed */
export async function loadBedrockSdk(given: BedrockSdk | undefined): Promise<BedrockSdk> {
  return given ?? ((await load('@aws-sdk/client-bedrock-runtime')) as BedrockSdk);
}

/**
 * A client with the settings that suit long streams: HTTP/1.1, where an abort closes the connection and a lost one is
 * an error (over HTTP/2 the SDK ends a cut stream as if it were whole), and no retries, because the engine retries.
 */
export async function recommendedClient(region: string, sdk: BedrockSdk): Promise<BedrockClientLike> {
  const { NodeHttpHandler } = await load('@smithy/node-http-handler');
  const { BedrockRuntimeClient } = sdk;
  if (typeof BedrockRuntimeClient !== 'function') {
    throw new TaskExecutionError(
      'NOT_CONFIGURED',
      'bedrockModel: to make a client for a region, sdk needs the class BedrockRuntimeClient too. Or pass a client of your own.',
    );
  }
  return new BedrockRuntimeClient({
    region,
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      socketTimeout: socketTimeoutMs,
      connectionTimeout: connectionTimeoutMs,
    }),
  });
}

const warned = new WeakSet<object>();

/** Says once for each client what of its settings costs work. */
export async function warnOfSettings(
  client: BedrockClientLike,
  warn: (message: string) => void,
): Promise<void> {
  if (warned.has(client)) {
    return;
  }
  warned.add(client);
  const { requestHandler, maxAttempts } = client.config ?? {};
  const problems: string[] = [];
  if (requestHandler?.metadata?.handlerProtocol === 'h2') {
    problems.push(
      'it speaks HTTP/2, where the SDK ends a broken stream without an error; give it requestHandler: new NodeHttpHandler({ socketTimeout: 420_000 })',
    );
  }
  if (await mayBeSilentForEver(requestHandler)) {
    problems.push(
      'its connections have no time limit, so that a lost one may stay open; give it requestHandler: new NodeHttpHandler({ socketTimeout: 420_000 })',
    );
  }
  const attempts: unknown = typeof maxAttempts === 'function' ? await maxAttempts() : maxAttempts;
  if (typeof attempts === 'number' && attempts > 1) {
    problems.push(`it tries ${attempts} times by itself, which the engine does too; give it maxAttempts: 1`);
  }
  if (problems.length > 0) {
    warn(
      `bedrockModel: the client works, but ${problems.join('; and ')}. Or pass { region } instead of a client.`,
    );
  }
}

/** Before its first request a handler of Node has its settings only in a promise. What shows none is not judged. */
async function mayBeSilentForEver(handler: any): Promise<boolean> {
  if (handler?.metadata?.handlerProtocol !== 'http/1.1') {
    return false;
  }
  const settings = await handler.configProvider;
  return typeof settings === 'object' && settings !== null && !settings.socketTimeout;
}

async function load(name: string): Promise<any> {
  try {
    return await loadPeer(name);
  } catch (cause) {
    throw new TaskExecutionError(
      'NOT_CONFIGURED',
      `bedrockModel needs ${name}, which could not be loaded. Install it: npm install @aws-sdk/client-bedrock-runtime @smithy/node-http-handler. Where a bundler hides it, pass a client of your own and { sdk: { ConverseStreamCommand } }.`,
      { cause },
    );
  }
}
