import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';

let packed;

/** Packs what is built, once for all stages; the environment tells their tests where the tarball is, and what is in it. */
export async function packedPackage() {
  packed ??= pack();
  return { PACKED_PACKAGE: JSON.stringify(await packed) };
}

async function pack() {
  const folder = join(root, '.tools/packed');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const [{ filename, files }] = JSON.parse(await run('npm', args, { capture: true, quiet: true }));
  return { tarball: join(folder, filename), files: files.map(({ path }) => path) };
}
