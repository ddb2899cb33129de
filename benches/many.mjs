// What a task takes of the CPU while a thousand of them run in one process, against ten: whatever is looked for among
// all tasks at every commit shows here.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rounded, spread } from './lib/numbers.mjs';

const few = 10;
const many = 1_000;
const pairs = 3;
const program = fileURLToPath(new URL('./lib/many-child.mjs', import.meta.url));

/** Milliseconds of CPU that each of a thousand tasks takes, so many of them at once. */
async function millisOf(store, atOnce) {
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    store,
    String(atOnce),
    String(many),
  ]);
  return JSON.parse(stdout).millis;
}

async function compared(store, budget) {
  const [alone, crowded, ratios] = [[], [], []];
  for (let n = 0; n < pairs; n += 1) {
    const first = await millisOf(store, few);
    const second = await millisOf(store, many);
    alone.push(rounded(first, 2));
    crowded.push(rounded(second, 2));
    ratios.push(rounded(second / first, 2));
  }
  return [
    { name: `${store}: CPU of a task, ${few} at once`, unit: 'ms', ...spread(alone) },
    { name: `${store}: CPU of a task, ${grouped(many)} at once`, unit: 'ms', ...spread(crowded) },
    { name: `${store}: the latter over the former`, unit: '×', ...budget, ...spread(ratios) },
  ];
}

const grouped = (number) => number.toLocaleString('en-US');

export default async function measure() {
  return [...(await compared('memory', { budget: 1.1 })), ...(await compared('sqlite', {}))];
}
