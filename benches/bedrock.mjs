// What the engine takes for an event of Bedrock's stream beside what the AWS SDK takes to read it from a socket.
import { BedrockRuntimeClient, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { createTask, memoryStore, TaskExecutor } from 'task-execution-engine';
import { bedrockModel } from 'task-execution-engine/bedrock';
import { bedrockEndpoint } from './lib/bedrock-endpoint.mjs';
import { cpuMicros, rounded, spread } from './lib/numbers.mjs';

const deltas = 10_000;
const text = 'sixteen letters.';
const expected = deltas * text.length;
const rounds = 11;
const warmUps = 3;
const modelId = 'amazon.nova-pro-v1:0';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

/** CPU microseconds from the first text to the last, per event. */
class Heard {
  #characters = 0;
  #began = 0;
  #spent = 0;

  text(text) {
    if (this.#characters === 0) this.#began = cpuMicros();
    this.#characters += text.length;
    if (this.#characters === expected) this.#spent = cpuMicros() - this.#began;
  }

  get microsPerEvent() {
    if (this.#characters !== expected) throw new Error(`${this.#characters} characters of ${expected} came.`);
    return this.#spent / deltas;
  }
}

async function withSdk(client) {
  const { stream } = await client.send(
    new ConverseStreamCommand({ modelId, messages: [{ role: 'user', content: [{ text: 'Go.' }] }] }),
  );
  const heard = new Heard();
  for await (const { contentBlockDelta } of stream) {
    if (contentBlockDelta) heard.text(contentBlockDelta.delta.text);
  }
  return heard.microsPerEvent;
}

async function withEngine(client) {
  const host = { store: memoryStore(), model: bedrockModel({ client, modelId }) };
  const { id } = await createTask('u', { title: 'A task' }, host);
  const executor = new TaskExecutor(id, 'u', host);
  const heard = new Heard();
  executor.on('task:message', ({ content }) => heard.text(content));
  await executor.start();
  return heard.microsPerEvent;
}

export default async function measure() {
  const { url, close } = await bedrockEndpoint(deltas, text);
  const { NodeHttpHandler } = await import('@smithy/node-http-handler');
  const client = new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: url,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ socketTimeout: 120_000 }),
  });
  const [sdk, shares] = [[], []];
  for (let round = -warmUps; round < rounds; round += 1) {
    const alone = await withSdk(client);
    const both = await withEngine(client);
    if (round < 0) continue;
    sdk.push(rounded(alone, 1));
    shares.push(rounded((100 * (both - alone)) / alone, 1));
  }
  client.destroy();
  await close();
  return [
    { name: 'CPU of the AWS SDK per event', unit: 'µs', ...spread(sdk) },
    { name: 'engine CPU per event beside it', unit: '%', budget: 7, ...spread(shares) },
  ];
}
