import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { Failure, run, say } from './run.mjs';
import { cacheFolder } from './tools.mjs';

const version = '1.7.12';
const packageName = `@restatedev/restate-server-${platform()}-${arch()}`;
const folder = join(cacheFolder(), `restate-server-${version}`);

/** Where Restate's server is once `installRestate()` was called. */
export const restateBinary = join(folder, 'node_modules', packageName, 'bin/restate-server');

/** Installs Restate's server, once a machine: over 200 MB, which only what runs it needs. */
export async function installRestate() {
  if (existsSync(restateBinary)) return;
  if (!['linux', 'darwin'].includes(platform()) || !['x64', 'arm64'].includes(arch())) {
    throw new Failure(`There is no Restate server for ${platform()} on ${arch()}; Linux and macOS have one.`);
  }
  say(`• installing Restate's server ${version}, once (over 200 MB)`);
  // Whole, or not at all.
  const partial = `${folder}-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    const args = [
      'install',
      '--prefix',
      partial,
      '--no-save',
      '--no-package-lock',
      '--no-fund',
      '--no-audit',
    ];
    await run('npm', [...args, `${packageName}@${version}`], { quiet: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}
