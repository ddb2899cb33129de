/** A proxy in front of the emulator that loses replies, holds calls back and cuts connections. */
import {
  Agent,
  createServer as createHttpServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { delayMs, type Fault, faultRate, faults, grpcFaultRate } from './numbers.js';
import { type Random, sleep } from './random.js';

/** A commit on its way through the proxy. */
export interface Commit {
  /** It adds to the journal; the others take, renew or release the lease. */
  journal: boolean;
}

/** Sees a client's commits. What it returns is waited for; true means that nobody waits for the reply any more. */
export interface CommitWatcher {
  arrived(commit: Commit): Promise<boolean>;
  answered(commit: Commit, landed: boolean): Promise<boolean>;
}

/** The way in of one client. */
export interface Door {
  host: string;
  close(): void;
}

interface Reply {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/** The first bytes of HTTP/2, which gRPC speaks. */
const http2Preface = Buffer.from('PRI * HTTP/2.0');

export class FaultProxy {
  /** Disturbed calls over HTTP/1.1, where a call's purpose can be seen. */
  readonly counts: Record<Fault, { commit: number; other: number }> = {
    drop: { commit: 0, other: 0 },
    delay: { commit: 0, other: 0 },
    cut: { commit: 0, other: 0 },
  };
  /** Disturbed pieces of gRPC connections. */
  readonly grpc = { delay: 0, cut: 0 };
  readonly calls = { commit: 0, other: 0 };
  readonly #agent = new Agent({ keepAlive: true });
  readonly #target: { host: string; port: number };
  readonly #random: Random;
  /** No faults any more: whatever still runs may end in peace. */
  calm = false;

  constructor(target: string, random: Random) {
    const [host = '', port] = target.split(':');
    this.#target = { host, port: Number(port) };
    this.#random = random;
  }

  async open(watcher: CommitWatcher): Promise<Door> {
    const http = createHttpServer((incoming, outgoing) => {
      this.#pass(incoming, outgoing, watcher).catch(() => incoming.socket.destroy());
    });
    const sockets = new Set<Socket>();
    const door: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
      socket.once('data', (first) => {
        socket.pause();
        socket.unshift(first);
        if (first.subarray(0, http2Preface.length).equals(http2Preface)) {
          this.#tunnel(socket);
        } else {
          http.emit('connection', socket);
          socket.resume();
        }
      });
    });
    await new Promise<void>((resolve, reject) => {
      door.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return {
      host: `127.0.0.1:${(door.address() as AddressInfo).port}`,
      close: () => {
        door.close();
        for (const socket of sockets) socket.destroy();
      },
    };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse, watcher: CommitWatcher): Promise<void> {
    const body = await bytesOf(incoming);
    const isCommit = incoming.url?.endsWith(':commit') === true;
    const commit: Commit | undefined = isCommit ? { journal: body.includes('/journal/') } : undefined;
    this.calls[isCommit ? 'commit' : 'other']++;
    const abandoned = commit !== undefined && (await watcher.arrived(commit));
    const fault = abandoned ? undefined : this.#fault(isCommit);
    const { socket } = incoming;
    const cut = fault === 'cut' ? this.#random.pick(['reset', 'end', 'reply'] as const) : undefined;
    if (cut === 'reset') {
      socket.resetAndDestroy();
      return;
    }
    if (cut === 'end') {
      socket.end();
      return;
    }
    const late = fault === 'delay' ? this.#random.between(delayMs.least, delayMs.most) : 0;
    const before = this.#random.chance(0.5);
    if (before) await sleep(late);
    const reply = await this.#forward(incoming, body);
    if (commit !== undefined && (await watcher.answered(commit, reply.status < 300))) return;
    if (!before) await sleep(late);
    if (abandoned || fault === 'drop' || socket.destroyed) return;
    outgoing.writeHead(reply.status, {
      'content-type': reply.headers['content-type'] ?? 'application/json',
      'content-length': reply.body.length,
    });
    if (cut === 'reply') {
      outgoing.write(reply.body.subarray(0, Math.floor(reply.body.length / 2)), () =>
        socket.resetAndDestroy(),
      );
    } else {
      outgoing.end(reply.body);
    }
  }

  #fault(isCommit: boolean): Fault | undefined {
    const purpose = isCommit ? 'commit' : 'other';
    if (this.calm || !this.#random.chance(faultRate[purpose])) return undefined;
    const fault = this.#random.pick(faults);
    this.counts[fault][purpose]++;
    return fault;
  }

  #forward(incoming: IncomingMessage, body: Buffer): Promise<Reply> {
    const { method, url: path, headers } = incoming;
    return new Promise((resolve, reject) => {
      const { host: _, 'transfer-encoding': __, connection: ___, ...rest } = headers;
      const sent = request({
        ...this.#target,
        method,
        path,
        headers: { ...rest, 'content-length': body.length },
        agent: this.#agent,
      });
      sent.on('error', reject);
      sent.on('response', (response) => {
        bytesOf(response).then(
          (bytes) => resolve({ status: response.statusCode ?? 500, headers: response.headers, body: bytes }),
          reject,
        );
      });
      sent.end(body);
    });
  }

  /** gRPC, piece by piece: a piece may be held back or be the connection's last. */
  #tunnel(client: Socket): void {
    const { host, port } = this.#target;
    const server = connect(port, host);
    const both = () => {
      client.destroy();
      server.destroy();
    };
    const pump = (from: Socket, to: Socket) => {
      from.on('data', (piece) => {
        if (this.calm || !this.#random.chance(grpcFaultRate)) {
          to.write(piece);
        } else if (this.#random.chance(0.5)) {
          this.grpc.cut++;
          both();
        } else {
          this.grpc.delay++;
          from.pause();
          setTimeout(
            () => {
              to.write(piece);
              from.resume();
            },
            this.#random.between(delayMs.least, delayMs.most),
          );
        }
      });
      from.on('close', both).on('error', both);
    };
    pump(client, server);
    pump(server, client);
    client.resume();
  }
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part);
  return Buffer.concat(parts);
}
