// Viewers of one task, in a process of their own: told what to do by messages.
import { Agent, get } from 'node:http';

const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
let open = [];
let delays = [];
let ended = 0;

function viewer({ url, id }) {
  return new Promise((resolve, reject) => {
    const request = get(
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
            if (frame.startsWith('event: end')) ended += 1;
          }
        });
        response.on('error', () => {});
      },
    );
    request.on('error', reject);
    open.push(request);
  });
}

const connect = (order) => Promise.all(Array.from({ length: order.clients }, () => viewer(order)));

function leave() {
  for (const request of open) request.on('error', () => {}).destroy();
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
    return { delays, facts: delays.length };
  },
  async flood({ url }) {
    const keepAlive = new Agent({ keepAlive: true, maxSockets: 50 });
    const count = 5_000;
    const began = performance.now();
    await Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise((resolve, reject) => {
            get(url, { agent: keepAlive }, (response) => response.resume().on('end', resolve)).on(
              'error',
              reject,
            );
          }),
      ),
    );
    keepAlive.destroy();
    return { perSecond: Math.round((count / (performance.now() - began)) * 1_000) };
  },
};

process.on('message', async (order) => process.send((await orders[order.what](order)) ?? {}));
