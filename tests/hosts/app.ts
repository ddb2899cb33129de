import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { outputOf, root } from '../package/pack.js';

const execute = promisify(execFile);

/** What an app's own terminal would have: what vitest sets would change how apps are built. */
function environment(own: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { NODE_ENV, ...outer } = process.env;
  return { ...outer, NEXT_TELEMETRY_DISABLED: '1', NO_COLOR: '1', ...own };
}

/** Copies an app out of the repository and installs what its lock file says, and the tarball. */
export async function install(name: string): Promise<string> {
  const folder = await mkdtemp(join(inject('hosts'), `${name}-`));
  await cp(join(root, 'tests/hosts', name), folder, { recursive: true });
  await outputOf('npm', ['ci', '--prefer-offline', '--no-fund', '--no-audit'], folder);
  // The package has no dependencies: unpacked into its place it is installed.
  const place = join(folder, 'node_modules/task-execution-engine');
  await mkdir(place);
  await outputOf('tar', ['-xzf', inject('hostedTarball'), '-C', place, '--strip-components=1'], folder);
  return folder;
}

/** Runs a program that the app has installed; returns all that it printed. A failure shows it. */
export async function runIn(folder: string, program: string, args: string[]): Promise<string> {
  try {
    const { stdout, stderr } = await execute(join(folder, 'node_modules/.bin', program), args, {
      cwd: folder,
      env: environment(),
    });
    return stdout + stderr;
  } catch (cause) {
    const { stdout, stderr } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}`, { cause });
  }
}

/** A server that was started. */
export interface Server {
  /** Without a slash at the end. */
  readonly address: string;
  /** All that it has printed. */
  printed(): string;
  /** Sends SIGTERM and waits for the end, which is forced after 30 seconds; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Starts a program that prints its address, and waits for that. */
export async function serve(
  command: string,
  args: string[],
  cwd: string,
  options: { env?: Record<string, string>; address?: RegExp } = {},
): Promise<Server> {
  const { env, address = /http:\/\/127\.0\.0\.1:\d+(?=\D)/ } = options;
  const child = spawn(command, args, { cwd, env: environment(env) });
  const ended = once(child, 'close') as Promise<[number | null]>;
  let printed = '';
  const found = new Promise<string>((resolve, reject) => {
    const look = (part: Buffer) => {
      printed += part;
      const [match] = printed.match(address) ?? [];
      if (match !== undefined) resolve(match);
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('error', reject);
    ended.then(([code]) => reject(new Error(`${command} ended with ${code}:\n${printed}`)), reject);
  });
  return {
    address: await found,
    printed: () => printed,
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
      const [code] = await ended;
      clearTimeout(late);
      return code;
    },
  };
}
