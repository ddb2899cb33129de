import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inject } from 'vitest';
import { root } from '../package/pack.js';

const sweepSecret = 'a secret that only the timer knows';

/** One instance of the app. */
export class Instance {
  readonly #child: ChildProcess;
  readonly port: number;
  #printed: () => string;

  private constructor(child: ChildProcess, port: number, printed: () => string) {
    this.#child = child;
    this.port = port;
    this.#printed = printed;
  }

  static async start(env: Record<string, string>): Promise<Instance> {
    const app = inject('example');
    // The program itself, so that a signal reaches the server and not a shell in front of it.
    const next = join(app, 'node_modules/next/dist/bin/next');
    const args = [next, 'start', '--hostname', '127.0.0.1', '--port', '0'];
    const { NODE_ENV: _, ...outer } = process.env;
    const child = spawn(process.execPath, args, {
      cwd: app,
      env: { ...outer, NO_COLOR: '1', SWEEP_SECRET: sweepSecret, ...env },
    });
    let printed = '';
    const port = await new Promise<number>((resolve, reject) => {
      const look = (part: Buffer) => {
        printed += part;
        const [, found] = printed.match(/http:\/\/127\.0\.0\.1:(\d+)/) ?? [];
        if (found !== undefined) resolve(Number(found));
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.once('error', reject);
      child.once('close', (code) => reject(new Error(`the app ended with ${code}:\n${printed}`)));
    });
    return new Instance(child, port, () => printed);
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get printed(): string {
    return this.#printed();
  }

  /** What a timer does: takes up what a crash has left, and says how many those were. */
  async sweep(): Promise<number> {
    const headers = { authorization: `Bearer ${sweepSecret}` };
    const response = await fetch(`${this.address}/api/sweep`, { headers });
    if (!response.ok) throw new Error(`the sweep failed: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { resumed: number }).resumed;
  }

  /** SIGKILL: nothing is stored, nothing is said. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 30_000);
    await this.#end('SIGTERM');
    clearTimeout(late);
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'close');
    this.#child.kill(signal);
    await ended;
  }
}

/** One address in front of instances, as a load balancer is. */
export class Front {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: Instance;

  private constructor(target: Instance) {
    this.#target = target;
    this.#server = createServer((incoming) => {
      const outgoing = connect(this.#target.port, '127.0.0.1');
      for (const [socket, other] of [
        [incoming, outgoing],
        [outgoing, incoming],
      ] as const) {
        this.#sockets.add(socket);
        socket.pipe(other);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }

  static async before(target: Instance): Promise<Front> {
    const front = new Front(target);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on requests go to another instance; what is open is cut. */
  turnTo(target: Instance): void {
    this.#target = target;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The endpoint that speaks Bedrock's protocol, with the example's script behind it. */
export async function startModel(delayMs: number): Promise<{ url: string; close(): void }> {
  const load = (path: string) => import(pathToFileURL(join(root, path)).href);
  const [{ bedrockEndpoint }, { newsroomTurn }, { scriptedModel }] = await Promise.all([
    load('scripts/lib/bedrock-endpoint.mjs'),
    load('scripts/lib/newsroom.mjs'),
    load('pkg/testing.js'),
  ]);
  const model = scriptedModel(newsroomTurn, { delayMs, chunkSize: 8, record: false });
  const { server, url } = await bedrockEndpoint(model);
  return {
    url,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
