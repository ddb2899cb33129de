import { createServer } from 'node:http';
import { BedrockRuntimeClient } from '@aws-sdk/client-bedrock-runtime';
import { EventStreamCodec } from '@smithy/core/event-streams';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString('utf8'),
  (text) => Buffer.from(text, 'utf8'),
);

function frame(event) {
  const [[type, body]] = Object.entries(event);
  const text = (value) => ({ type: 'string', value });
  return codec.encode({
    headers: {
      ':message-type': text('event'),
      ':event-type': text(type),
      ':content-type': text('application/json'),
    },
    body: Buffer.from(JSON.stringify(body)),
  });
}

async function answer(model, incoming, response) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const request = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
  for await (const event of await model.stream(request, { signal: gone.signal })) {
    response.write(frame(event));
  }
  response.end();
}

/** An endpoint of this machine that speaks Bedrock's protocol and that the model answers; returns its server and address. */
export async function bedrockEndpoint(model) {
  const server = createServer((incoming, response) => {
    answer(model, incoming, response).catch((error) => response.destroy(error));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

/**
 * Puts Bedrock's wire format between an engine and a model: an endpoint of this machine that the model answers, and the
 * client of the real AWS SDK that asks it. It keeps no process alive.
 */
export async function bedrockOver(model) {
  const { server, url } = await bedrockEndpoint(model);
  server.unref();
  server.on('connection', (socket) => socket.unref());
  return new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: url,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ socketTimeout: 420_000 }),
  });
}
