// What passes, in a process that has just begun, from before the import of the package to the first event of a task on
// the memory store, and to the first piece of text.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rounded, spread } from './lib/numbers.mjs';

const processes = 21;
const program = fileURLToPath(new URL('./lib/first-event-child.mjs', import.meta.url));

export default async function measure() {
  const times = [];
  // The first one finds no file in the system's cache.
  for (let n = -1; n < processes; n += 1) {
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    if (n >= 0) times.push(JSON.parse(stdout));
  }
  const of = (name) => spread(times.map((time) => rounded(time[name], 1)));
  return [
    { name: 'import of the default entry', unit: 'ms', ...of('imported') },
    { name: 'import and first event', unit: 'ms', budget: 30, ...of('firstEvent') },
    { name: 'the same in CPU time of all threads', unit: 'ms', ...of('firstEventCpu') },
    { name: 'import and first text', unit: 'ms', ...of('firstText') },
  ];
}
