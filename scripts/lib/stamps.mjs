import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root, say, seconds } from './run.mjs';

const folder = join(root, '.tools');
const file = join(folder, 'stamps.json');

/** Every file under the given paths (files or folders, relative to the root), sorted; missing ones are left out. */
export function filesUnder(paths) {
  const found = [];
  const visit = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
    else found.push(path);
  };
  for (const path of paths) visit(join(root, path));
  return found.sort();
}

/** A hash over names and contents of all files under the paths. */
export function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of filesUnder(paths)) {
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update('\0');
  }
  return hash.digest('hex');
}

function readStamps() {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}

/** Does the work only if an input changed since it was last done, or an output is missing. */
export async function step(name, { inputs, outputs }, work) {
  const key = hashOf(inputs);
  const done = readStamps()[name] === key && outputs.every((path) => existsSync(join(root, path)));
  if (done) return false;
  const began = Date.now();
  say(`• ${name} …`);
  await work();
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...readStamps(), [name]: key }, null, 2)}\n`);
  say(`• ${name}: done in ${seconds(began)}`);
  return true;
}
