/** Restate's server as a child process: on free ports, in a folder that outlives it, ended by its own pid. */
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { freePort } from '../firestore/emulator.js';
import { eventually, Process } from './processes.js';

export class RestateServer {
  readonly ingress: string;
  readonly admin: string;
  readonly #folder: string;
  readonly #env: Record<string, string>;
  #process: Process | undefined;

  private constructor(folder: string, [ingress, admin, node]: [number, number, number]) {
    this.#folder = folder;
    this.ingress = `http://127.0.0.1:${ingress}`;
    this.admin = `http://127.0.0.1:${admin}`;
    this.#env = {
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_LOG_FILTER: 'warn',
      // a small machine
      RESTATE_ROCKSDB_TOTAL_MEMORY_SIZE: '512MB',
      RESTATE_DEFAULT_NUM_PARTITIONS: '4',
    };
  }

  /** @throws Error that names the command to install what is missing */
  static async start(folder: string): Promise<RestateServer> {
    const ports = [await freePort(), await freePort(), await freePort()] as [number, number, number];
    const server = new RestateServer(folder, ports);
    await server.begin();
    return server;
  }

  /** Begins, or begins again after a kill, with what it has stored. */
  async begin(): Promise<void> {
    const args = ['--base-dir', this.#folder, '--node-name', 'fleet'];
    this.#process = new Process(binary(), args, this.#env, this.#folder);
    await eventually('Restate’s server is ready', async () => {
      if (this.#process?.isOver) throw new Error(`Restate's server ended:\n${this.#process.output}`);
      return (await isOk(`${this.admin}/health`)) && (await isOk(`${this.ingress}/restate/health`));
    });
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  get output(): string {
    return this.#process?.output ?? '';
  }

  /** Makes a worker known, anew where it was already. */
  async register(port: number): Promise<void> {
    const body = JSON.stringify({ uri: `http://127.0.0.1:${port}`, force: true });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${this.admin}/deployments`, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(`not registered: ${response.status} ${await response.text()}`);
  }

  /** Rows of Restate's own tables. */
  async query(sql: string): Promise<Record<string, any>[]> {
    const response = await fetch(`${this.admin}/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query: sql }),
    });
    if (!response.ok) throw new Error(`the query failed: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { rows: Record<string, any>[] }).rows;
  }

  async cancel(invocation: string): Promise<void> {
    const response = await fetch(`${this.admin}/invocations/${invocation}/cancel`, { method: 'PATCH' });
    if (!response.ok) throw new Error(`not cancelled: ${response.status} ${await response.text()}`);
  }
}

async function isOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

function binary(): string {
  const name = `@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`;
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    throw new Error(
      `The tests of the fleet need Restate's server, ${name}: npm install --include=optional installs it on Linux and macOS.`,
    );
  }
}
