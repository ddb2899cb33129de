// One instance of an app's server, from what is built in pkg/: its routes, and a model that says what it is told to by the
// process that forked it. `argv`: the store, as JSON.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { Firestore } from '@google-cloud/firestore';
import { firestoreStore } from '../../../pkg/firestore.js';
import { createTaskEngine } from '../../../pkg/index.js';
import { createTaskRoutes, resumeUnfinished } from '../../../pkg/server.js';
import { sqliteStore } from '../../../pkg/sqlite.js';

const { file, host, projectId } = JSON.parse(process.argv[2]);
const store =
  file === undefined
    ? firestoreStore(new Firestore({ projectId, host, ssl: false }), { emulator: true })
    : sqliteStore(file);

const orders = [];
let wake = () => {};
const model = {
  async *stream(_, { signal }) {
    signal.addEventListener('abort', () => wake(), { once: true });
    yield { messageStart: { role: 'assistant' } };
    while (!signal.aborted) {
      const order = orders.shift();
      if (order === undefined) await new Promise((resolve) => (wake = resolve));
      else if (order.say === undefined) break;
      else yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: order.say } } };
    }
    yield { messageStop: { stopReason: 'end_turn' } };
  },
};
process.on('message', (order) => {
  orders.push(order);
  wake();
});

const secret = 'a secret of the timer';
const engine = createTaskEngine({ store, model, defaults: { leaseTtlMs: 3_000 } });
const routes = createTaskRoutes({ engine, user: (request) => request.headers.get('x-user') });
const sweep = resumeUnfinished({ engine, secret });

const server = createServer(async (incoming, outgoing) => {
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  const { method, url, headers } = incoming;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const request = new Request(`http://${headers.host}${url}`, {
    method,
    headers,
    signal: gone.signal,
    ...(hasBody && { body: Readable.toWeb(incoming), duplex: 'half' }),
  });
  const response = url === '/sweep' ? await sweep(request) : await routes[method](request);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) outgoing.end();
  else
    Readable.fromWeb(response.body)
      .on('error', () => outgoing.destroy())
      .pipe(outgoing);
});
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }));
process.once('disconnect', () => process.exit());
