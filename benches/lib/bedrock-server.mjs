// A process that speaks ConverseStream: a turn of as many deltas of the text as its arguments say, for every request.
import { createServer } from 'node:http';
import { EventStreamCodec } from '@smithy/core/event-streams';

const deltas = Number(process.argv[2]);
const text = process.argv[3];
const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString('utf8'),
  (value) => Buffer.from(value, 'utf8'),
);
const header = (value) => ({ type: 'string', value });
const frame = (type, body) =>
  codec.encode({
    headers: {
      ':message-type': header('event'),
      ':event-type': header(type),
      ':content-type': header('application/json'),
    },
    body: Buffer.from(JSON.stringify(body)),
  });
const delta = frame('contentBlockDelta', { contentBlockIndex: 0, delta: { text } });

/** A frame a packet, as a model's pieces come. */
async function turn(response) {
  response.write(frame('messageStart', { role: 'assistant' }));
  for (let n = 0; n < deltas; n += 1) {
    if (!response.write(delta)) await new Promise((resolve) => response.once('drain', resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.write(frame('contentBlockStop', { contentBlockIndex: 0 }));
  response.end(frame('messageStop', { stopReason: 'end_turn' }));
}

const server = createServer((incoming, response) => {
  incoming.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
    void turn(response);
  });
});
server.on('connection', (socket) => socket.setNoDelay(true));
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}`);
});
