/** Restate's server as a child process: on free ports, in a folder that outlives it, ended by its own pid. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { restateBinary } from '../../scripts/lib/restate.mjs';

const readyMs = 120_000;

export class RestateServer {
  #folder;
  #env;
  #child;
  #output = '';

  constructor(folder, [ingress, admin, node], env) {
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
      ...env,
    };
  }

  /** @throws Error that names the command to install what is missing */
  static async start(folder, env = {}) {
    const server = new RestateServer(folder, [await freePort(), await freePort(), await freePort()], env);
    await server.begin();
    return server;
  }

  /** Begins, or begins again after a kill, with what it has stored. */
  async begin() {
    if (!existsSync(restateBinary)) {
      throw new Error(`Restate's server is missing (${restateBinary}): npm test -- fleet installs it.`);
    }
    const args = ['--base-dir', this.#folder, '--node-name', 'fleet'];
    const child = spawn(restateBinary, args, {
      cwd: this.#folder,
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part) => {
        this.#output = (this.#output + part).slice(-50_000);
      });
    }
    const killed = () => child.kill('SIGKILL');
    process.once('exit', killed);
    child.once('close', () => process.off('exit', killed));
    const until = Date.now() + readyMs;
    while (!((await isOk(`${this.admin}/health`)) && (await isOk(`${this.ingress}/restate/health`)))) {
      if (this.#isOver()) throw new Error(`Restate's server ended:\n${this.#output}`);
      if (Date.now() > until) throw new Error(`Restate's server is not ready after ${readyMs / 1000} s.`);
      await sleep(100);
    }
  }

  #isOver() {
    return this.#child === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get pid() {
    return this.#child?.pid;
  }

  /** SIGKILL. */
  async kill() {
    if (this.#isOver()) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await closed;
  }

  /** Makes a worker known, anew where it was already: by its port, or as Restate's API takes it. */
  async register(worker) {
    const at = typeof worker === 'number' ? { uri: `http://127.0.0.1:${worker}` } : worker;
    await this.#ask('POST', '/deployments', { ...at, force: true });
  }

  /** Rows of Restate's own tables. */
  async query(sql) {
    return (await this.#ask('POST', '/query', { query: sql })).rows;
  }

  async cancel(invocation) {
    await this.#ask('PATCH', `/invocations/${invocation}/cancel`);
  }

  /** Without a word to its handler. */
  async killInvocation(invocation) {
    await this.#ask('PATCH', `/invocations/${invocation}/kill`);
  }

  async #ask(method, path, body) {
    const response = await fetch(this.admin + path, {
      method,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} failed: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}

async function isOk(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/** A port that was free a moment ago. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
