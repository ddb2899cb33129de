// Viewers of one task, in a process of their own: told what to do by messages.
import { Agent, get, request } from 'node:http';

const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
let open = [];
let delays = [];
/** Milliseconds from the last word of a text to its viewer. */
const texts = [];
let ended = 0;

function viewer({ url, id }) {
  return new Promise((resolve, reject) => {
    const asked = get(
      `${url}/${id}/events`,
      { agent, headers: { authorization: 'Bearer u' } },
      (response) => {
        let rest = '';
        response.setEncoding('utf8').on('data', (text) => {
          const now = Date.now();
          const frames = (rest + text).split('\n\n');
          rest = frames.pop();
          for (const frame of frames) {
            if (frame.includes('event: snapshot')) resolve();
            const at = /^id: .*\nevent: task:[\s\S]*"at":"([^"]+)"/.exec(frame)?.[1];
            if (at !== undefined) delays.push(now - Date.parse(at));
            const said = /^event: task:message\n[\s\S]*@(\d+) /.exec(frame)?.[1];
            if (said !== undefined) texts.push(now - Number(said));
            if (frame.startsWith('event: end')) ended += 1;
          }
        });
        response.on('error', () => {});
      },
    );
    asked.on('error', reject);
    open.push(asked);
  });
}

const connect = (order) => Promise.all(Array.from({ length: order.clients }, () => viewer(order)));

function leave() {
  for (const asked of open) asked.on('error', () => {}).destroy();
  open = [];
}

const orders = {
  connect,
  leave,
  async storm(order) {
    leave();
    const began = performance.now();
    await connect(order);
    delays = [];
    return { ms: Math.round(performance.now() - began) };
  },
  async delays({ clients }) {
    while (ended < clients) await new Promise((resolve) => setTimeout(resolve, 50));
    return { delays };
  },
  async texts({ clients }) {
    while (ended < clients) await new Promise((resolve) => setTimeout(resolve, 50));
    return { texts };
  },
  async floods({ url, id }) {
    const user = { authorization: 'Bearer u' };
    const json = { ...user, 'content-type': 'application/json' };
    const kinds = {
      'requests without a user': {},
      'requests for what is not there': { headers: user, path: '/none/of/this' },
      'requests for a task of another': { headers: user, path: '/theirs/state' },
      'commands from another site': {
        method: 'POST',
        headers: { origin: 'https://evil.example' },
        path: `/${id}/stop`,
      },
      'commands with a broken body': {
        method: 'POST',
        headers: json,
        path: `/${id}/send`,
        body: '{"message":',
      },
      'commands with a body that is too large': {
        method: 'POST',
        headers: json,
        path: `/${id}/send`,
        body: 'x'.repeat(1_100_000),
        count: 200,
      },
      'bad cursors of event streams': { headers: user, path: `/${id}/events?after=x` },
    };
    const floods = [];
    for (const [name, kind] of Object.entries(kinds))
      floods.push({ name, perSecond: await flood(url, kind) });
    return floods;
  },
};

async function flood(url, { method = 'GET', headers = {}, path = '', body, count = 2_000 }) {
  const keepAlive = new Agent({ keepAlive: true, maxSockets: 50 });
  const began = performance.now();
  await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve, reject) => {
          const sent = request(url + path, { method, headers, agent: keepAlive }, (response) =>
            // Whoever sends too much is answered before it has sent it all.
            response.resume().on('end', resolve).on('error', resolve),
          );
          sent.on('error', (error) => (sent.reusedSocket || body !== undefined ? resolve() : reject(error)));
          sent.end(body);
        }),
    ),
  );
  keepAlive.destroy();
  return Math.round((count / (performance.now() - began)) * 1_000);
}

process.on('message', async (order) => process.send((await orders[order.what](order)) ?? {}));
