// CPU time of a whole process, its import included, that runs one script, against the same script in other libraries. Each
// is installed into a folder of its own on the first run, and all run under one Node.
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rounded, spread } from './lib/numbers.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
/** All of them, taking turns: what else the machine does falls on all alike. */
const rounds = 9;
/** Pieces of text, steps, and the most that ours may take of the fastest rival's time. */
const scripts = [
  { deltas: 600, steps: 3, budget: 0.2 },
  { deltas: 20_000, steps: 10, budget: 0.25 },
  { deltas: 5_000, steps: 100, budget: 0.3 },
];
const rivals = [
  { name: 'Strands', file: 'strands.mjs', needs: { '@strands-agents/sdk': '1.19.0' } },
  { name: 'AI SDK', file: 'ai-sdk.mjs', needs: { ai: '7.0.173', zod: '4.6.7' } },
];
/** Both rivals want Node 22. Its binary as a package, where this process is older. */
const node22 = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
const node22Version = '22.23.5';

const run = promisify(execFile);

/** Installs what is not there yet, and gives the folder. */
async function installed(name, needs) {
  const folder = here(`../.tools/rivals/${name}`);
  const wanted = JSON.stringify({
    name: `rival-${name}`,
    private: true,
    type: 'module',
    dependencies: needs,
  });
  const mark = join(folder, `installed-${Object.values(needs).join('-')}`);
  if (existsSync(mark)) return folder;
  process.stderr.write(`  installs ${Object.keys(needs).join(', ')}\n`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), wanted);
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
  await run('npm', args, { cwd: folder, shell: process.platform === 'win32' });
  writeFileSync(mark, '');
  return folder;
}

async function nodeOfAll() {
  if (Number.parseInt(process.versions.node, 10) >= 22) return process.execPath;
  const folder = await installed('node', { [node22]: node22Version });
  return join(folder, 'node_modules', node22, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

/** Beside what it imports. */
function placed(file, folder) {
  for (const name of [file, 'script.mjs']) copyFileSync(here(`rivals/${name}`), join(folder, name));
  return join(folder, file);
}

export default async function measure() {
  const node = await nodeOfAll();
  const programs = [{ name: 'ours', path: here('rivals/ours.mjs') }];
  for (const { name, file, needs } of rivals) {
    const folder = await installed(file.replace('.mjs', ''), needs);
    programs.push({ name, path: placed(file, folder) });
  }
  const rows = [];
  for (const { deltas, steps, budget } of scripts) {
    const times = new Map(programs.map(({ name }) => [name, []]));
    // The first round finds no file in the system's cache.
    for (let n = -1; n < rounds; n += 1) {
      for (const { name, path } of programs) {
        const { stdout } = await run(node, [path, String(deltas), String(steps)], { cwd: dirname(path) });
        if (n >= 0) times.get(name).push(Number(stdout));
      }
    }
    const what = `${deltas.toLocaleString('en')} deltas in ${steps} steps`;
    for (const [name, all] of times) {
      rows.push({ name: `${what}: ${name}`, unit: 'ms', ...spread(all.map((time) => rounded(time, 0))) });
    }
    const medians = [...times].map(([name, all]) => ({ name, median: spread(all).value }));
    const [ours, ...others] = medians;
    const fastest = others.reduce((best, one) => (one.median < best.median ? one : best));
    const value = rounded(ours.median / fastest.median, 2);
    rows.push({ name: `${what}: ours against ${fastest.name}`, unit: '×', value, budget });
  }
  return rows;
}
