import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { Failure, run, say } from './run.mjs';
import { cacheFolder } from './tools.mjs';

const { glibcVersionRuntime } = process.report?.getReport().header ?? {};

/** The package of each runtime's binary for this machine, as npm names it. */
const runtimes = {
  node20: { version: '20.20.2', from: (os, cpu) => `node-${os}-${cpu}`, program: 'bin/node' },
  node22: { version: '22.23.3', from: (os, cpu) => `node-${os}-${cpu}`, program: 'bin/node' },
  node24: { version: '24.21.0', from: (os, cpu) => `node-${os}-${cpu}`, program: 'bin/node' },
  deno: {
    version: '2.9.6',
    from: (os, cpu) => `@deno/${os}-${cpu}${os === 'linux' && glibcVersionRuntime ? '-glibc' : ''}`,
    program: 'deno',
  },
  bun: {
    version: '1.4.5',
    from: (os, cpu) => `@oven/bun-${os}-${cpu === 'arm64' ? 'aarch64' : cpu}`,
    program: 'bin/bun',
  },
  workerd: {
    version: '1.20261117.1',
    from: (os, cpu) => `@cloudflare/workerd-${os}-${cpu === 'x64' ? '64' : cpu}`,
    program: 'bin/workerd',
  },
};

/**
 * Installs the runtimes that the package is tried in, once a machine; returns the environment that says where they are:
 * `RUNTIME_NODE20` and so on.
 */
export async function runtimePrograms() {
  const env = {};
  for (const [name, { version, from, program }] of Object.entries(runtimes)) {
    const source = from(platform(), arch());
    const folder = join(cacheFolder(), `${name}-${version}`);
    const path = join(folder, 'node_modules', source, program);
    if (!existsSync(path)) await install(`${source}@${version}`, folder);
    if (!existsSync(path))
      throw new Failure(`${source}@${version} has no ${program}: remove ${folder} and try again`);
    env[`RUNTIME_${name.toUpperCase()}`] = path;
  }
  return env;
}

async function install(what, folder) {
  say(`• installing ${what}, once (about 100 MB)`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const quiet = ['--no-fund', '--no-audit', '--ignore-scripts', '--no-package-lock'];
  await run('npm', ['install', '--prefix', folder, '--no-save', ...quiet, what], { quiet: true });
}
