import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, root, run, say, works } from './run.mjs';

const wasmTarget = 'wasm32-unknown-unknown';
const minimumNode = [20, 19];
const minimumRust = [1, 86];

function atLeast(version, minimum) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > minimum[0] || (major === minimum[0] && minor >= minimum[1]);
}

/** The tools of this repository need a little more than the package, which runs on every Node ≥ 20. */
export function checkNode() {
  if (!atLeast(process.versions.node, minimumNode)) {
    throw new Failure(
      `Node.js ${minimumNode.join('.')} or newer builds this, and this is ${process.versions.node}: https://nodejs.org`,
    );
  }
}

export async function checkRust() {
  const version = (await run('rustc', ['--version'], { capture: true })).match(/\d+\.\d+\.\d+/)?.[0] ?? '0';
  if (!atLeast(version, minimumRust)) {
    throw new Failure(
      `Rust ${minimumRust.join('.')} or newer is needed, and this is ${version}: rustup update`,
    );
  }
  await run('cargo', ['--version'], { capture: true });
}

export async function addWasmTarget() {
  await checkRust();
  const libdir = await run('rustc', ['--print', 'target-libdir', '--target', wasmTarget], { capture: true });
  if (existsSync(libdir.trim())) return;
  say(`• adding the Rust target ${wasmTarget}`);
  await run('rustup', ['target', 'add', wasmTarget]);
}

/** `npm ci`, unless what is installed already is what the lock says. */
export async function installPackages() {
  if (packagesAreCurrent()) return;
  say('• installing npm packages (npm ci)');
  await run('npm', ['ci', '--no-fund', '--no-audit'], { capture: false });
}

function packagesAreCurrent() {
  const installedLock = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const installed = packagesOf(installedLock);
  return Object.entries(wanted).every(([path, { version, optional, peer }]) => {
    if (path === '') return true;
    const found = installed[path];
    // Packages for other platforms and unmet optional peers are in the lock but not on the disk.
    return found === undefined ? Boolean(optional || peer) : found.version === version;
  });
}

/** rustfmt and clippy are left out of rustup's minimal profile. */
export async function checkComponents() {
  for (const [component, command] of [
    ['rustfmt', 'cargo-fmt'],
    ['clippy', 'cargo-clippy'],
  ]) {
    if (await works(command, ['--version'])) continue;
    say(`• adding the Rust component ${component}`);
    await run('rustup', ['component', 'add', component]);
  }
}
