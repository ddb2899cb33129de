// Prints the numbers of the package that is built: `node benches/run.mjs [--json] [--check] [MEASURE…]`.
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { table } from './lib/table.mjs';

/**
 * Each is a module beside this one. The stable ones say the same on every machine and at every time; the strict ones
 * fail wherever a limit is exceeded.
 */
const measures = {
  delta: { stable: false },
  step: { stable: false },
  bytes: { stable: true },
  commits: { stable: true },
  reads: { stable: true },
  'first-event': { stable: false },
  size: { stable: true },
  'idle-executors': { stable: false },
  sqlite: { stable: false },
  many: { stable: false },
  firestore: { stable: false, strict: true },
  bedrock: { stable: false },
  server: { stable: false },
  fleet: { stable: true },
  // Installs libraries: only where it is named.
  rivals: { stable: false, named: true },
};

const usage = `Usage: npm run bench -- [--json] [--check] [MEASURE…]

  --json    print JSON instead of a table
  --check   measure only what is the same everywhere (counts, bytes, sizes); fail where a limit is exceeded.
            firestore, which needs its emulator, always does
  MEASURE   ${Object.keys(measures).join(', ')}`;

/** A number is held to its budget; one that has missed it so far is held to where it stands. */
function judged(row) {
  const { value, budget, ceiling = budget } = row;
  if (budget === undefined) return row;
  return { ...row, reached: value <= budget, held: value <= ceiling };
}

/** In a process of its own: no measure warms up another. */
async function measured(name, isCheck) {
  const program = fileURLToPath(new URL('./lib/measure.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    program,
    name,
    isCheck ? 'check' : 'all',
  ]);
  return JSON.parse(stdout).map((row) => judged({ measure: name, ...row }));
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, check: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  const unknown = positionals.find((name) => !(name in measures));
  if (values.help || unknown !== undefined) {
    if (unknown !== undefined) console.error(`There is no measure '${unknown}'.\n`);
    console.log(usage);
    process.exitCode = unknown === undefined ? 0 : 1;
    return;
  }
  const all = Object.keys(measures).filter((name) => !measures[name].named);
  const wanted = positionals.length > 0 ? positionals : all;
  const rows = [];
  for (const name of wanted.filter((name) => !values.check || measures[name].stable)) {
    process.stderr.write(`• ${name}\n`);
    rows.push(...(await measured(name, values.check)));
  }
  const machine = { node: process.version, cpu: cpus()[0]?.model.trim(), cores: cpus().length };
  console.log(values.json ? JSON.stringify({ machine, rows }, null, 2) : table(machine, rows));
  const binding = rows.filter(({ measure }) => values.check || measures[measure].strict);
  const broken = binding.filter(({ held }) => held === false);
  if (broken.length === 0) return;
  for (const { name, value, ceiling, budget } of broken) {
    console.error(`${name}: ${value} is more than ${ceiling ?? budget}`);
  }
  process.exitCode = 1;
}

await main();
