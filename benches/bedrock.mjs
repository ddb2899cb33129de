// What the engine takes for an event of Bedrock's stream beside what the AWS SDK takes to read it from a socket: both
// at once, told apart by V8's profiler. A difference of two runs says less: the same run takes up to half more or less.
import { BedrockRuntimeClient } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { createTask, memoryStore, TaskExecutor } from 'task-execution-engine';
import { bedrockModel } from 'task-execution-engine/bedrock';
import { bedrockEndpoint } from './lib/bedrock-endpoint.mjs';
import { rounded, spread } from './lib/numbers.mjs';
import { Profile } from './lib/profile.mjs';

const deltas = 20_000;
const text = 'sixteen letters.';
const rounds = 11;
const warmUps = 3;
const modelId = 'amazon.nova-pro-v1:0';
const pkg = new URL('../pkg/', import.meta.url).href;

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

/** The package's modules and its wasm; everything else is the SDK, and Node on behalf of both. */
const kindOf = (url) => (url.startsWith(pkg) || url.startsWith('wasm://') ? 'engine' : 'rest');

/** CPU microseconds from the first text to the last, by kind. */
async function turn(client) {
  const host = { store: memoryStore(), model: bedrockModel({ client, modelId }) };
  const { id } = await createTask('u', { title: 'A task' }, host);
  const executor = new TaskExecutor(id, 'u', host);
  const profile = new Profile();
  let heard = 0;
  let spent;
  executor.on('task:message', ({ content }) => {
    if (heard === 0) profile.start();
    heard += content.length;
    if (heard === deltas * text.length) spent = profile.stop(kindOf);
  });
  await executor.start();
  if (spent === undefined) throw new Error(`The listener heard ${heard} characters.`);
  return spent;
}

export default async function measure() {
  const { url, close } = await bedrockEndpoint(deltas, text);
  const client = new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: url,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ socketTimeout: 420_000 }),
  });
  const [sdk, shares] = [[], []];
  for (let round = -warmUps; round < rounds; round += 1) {
    const { engine, rest } = await turn(client);
    if (round < 0) continue;
    sdk.push(rounded(rest / deltas, 1));
    shares.push(rounded((100 * engine) / rest, 1));
  }
  client.destroy();
  await close();
  return [
    { name: 'CPU of the AWS SDK per event', unit: 'µs', ...spread(sdk) },
    { name: 'engine CPU per event beside it', unit: '%', budget: 7, ...spread(shares) },
  ];
}
