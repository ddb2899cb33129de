/** Google's Firestore emulator as a child process: started on a free port, waited for, stopped by its own pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';

export interface Emulator {
  /** `127.0.0.1:port`, as FIRESTORE_EMULATOR_HOST takes it. */
  host: string;
  pid: number;
  stop(): Promise<void>;
}

const jar = 'platform/cloud-firestore-emulator/cloud-firestore-emulator.jar';
const mainClass = 'com.google.cloud.datastore.emulator.firestore.CloudFirestore';

/**
 * Starts the emulator. `rules` is the path of security rules; without it everything is allowed.
 *
 * @throws Error that names the command to install what is missing
 */
export async function startEmulator(options: { rules?: string } = {}): Promise<Emulator> {
  const java = findOnPath('java');
  if (java === undefined) {
    throw new Error(
      'The tests of the Firestore stores need Java 11 or newer. Install it, for example: sudo apt-get install openjdk-17-jre-headless',
    );
  }
  const path = findJar();
  if (path === undefined) {
    throw new Error(
      'The tests of the Firestore stores need Google’s emulator. Install it with: gcloud components install cloud-firestore-emulator, or, with Google’s apt repository (https://cloud.google.com/sdk/docs/install#deb): sudo apt-get install google-cloud-cli-firestore-emulator. FIRESTORE_EMULATOR_JAR may name the jar.',
    );
  }
  const port = await freePort();
  const args = ['-cp', path, mainClass, 'start', '--host=127.0.0.1', `--port=${port}`];
  if (options.rules !== undefined) {
    args.push(`--rules=${options.rules}`);
  }
  const child = spawn(java, ['-Xmx2g', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (part) => {
      output = (output + part).slice(-20_000);
    });
  }
  const killed = () => child.kill('SIGKILL');
  process.once('exit', killed);
  const stop = async () => {
    process.off('exit', killed);
    await end(child);
  };
  try {
    await ready(`http://127.0.0.1:${port}/`, child, () => output);
  } catch (error) {
    await stop();
    throw error;
  }
  return { host: `127.0.0.1:${port}`, pid: child.pid as number, stop };
}

/** Removes every document of a project's database. */
export async function clear(host: string, projectId: string, databaseId = '(default)'): Promise<void> {
  const url = `http://${host}/emulator/v1/projects/${projectId}/databases/${databaseId}/documents`;
  const response = await fetch(url, { method: 'DELETE' });
  if (!response.ok) {
    throw new Error(`the emulator did not clear ${projectId}: ${response.status} ${await response.text()}`);
  }
}

async function ready(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const until = Date.now() + 60_000;
  while (Date.now() < until) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the Firestore emulator ended before it was ready:\n${output()}`);
    }
    try {
      if ((await fetch(url)).ok) {
        return;
      }
    } catch (error) {
      if (!(error instanceof TypeError)) {
        throw error;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the Firestore emulator was not ready within a minute:\n${output()}`);
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
    child.once('close', () => {
      clearTimeout(late);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function findJar(): string | undefined {
  const gcloud = findOnPath('gcloud');
  const roots = ['/usr/lib/google-cloud-sdk', '/usr/share/google-cloud-sdk'];
  if (gcloud !== undefined) {
    roots.unshift(dirname(dirname(realpathSync(gcloud))));
  }
  const named = process.env.FIRESTORE_EMULATOR_JAR;
  return [...(named ? [named] : []), ...roots.map((root) => join(root, jar))].find((path) =>
    existsSync(path),
  );
}

function findOnPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
