import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

/** A failure whose message is all that the user needs; scripts print it without a stack. */
export class Failure extends Error {}

/** Progress goes to stderr, so that stdout keeps what a caller may parse. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/**
 * Runs a program and waits for it. `capture` returns its stdout, `tee` also shows it; otherwise the output goes
 * straight to the terminal. Rejects with a Failure when the program is missing or exits with an error.
 */
export function run(command, args, { cwd = root, env, capture = false, tee = false, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const piped = capture || tee || quiet;
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['inherit', piped ? 'pipe' : 'inherit', quiet || tee ? 'pipe' : 'inherit'],
    });
    let out = '';
    let all = '';
    child.stdout?.on('data', (part) => {
      out += part;
      all += part;
      if (tee) process.stdout.write(part);
    });
    child.stderr?.on('data', (part) => {
      all += part;
      if (tee) process.stderr.write(part);
    });
    child.on('error', (error) => {
      if (error.code === 'ENOENT') reject(new Failure(`${command} is missing. ${howToInstall(command)}`));
      else reject(error);
    });
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(tee ? all : out);
      if (quiet) process.stderr.write(all);
      const how = signal ? `was ended by ${signal}` : `failed with exit code ${code}`;
      const failure = new Failure(`${[command, ...args].join(' ')} ${how}`);
      failure.output = all;
      reject(failure);
    });
  });
}

/** Like `run`, but says whether it worked instead of failing. */
export async function works(command, args) {
  try {
    await run(command, args, { quiet: true, capture: true });
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

function howToInstall(command) {
  const rust = 'Install Rust with rustup: https://rustup.rs';
  const known = {
    cargo: rust,
    rustc: rust,
    rustup: rust,
    npm: 'It comes with Node.js: https://nodejs.org',
    cc: 'Install a C linker, for example: apt-get install build-essential',
  };
  return known[command] ?? 'Install it and try again.';
}

/** Runs a script's main function, prints failures in one line and sets the exit code. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    say(error instanceof Failure ? `\nerror: ${error.message}` : error);
    process.exitCode = 1;
  }
}

export function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

/** The path of a program that an npm package brought. */
export function bin(name) {
  return join(root, 'node_modules/.bin', name);
}
