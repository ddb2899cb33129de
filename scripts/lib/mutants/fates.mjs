import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure, root, say, seconds } from '../run.mjs';
import { grouped, loners, sizeOf } from './combine.mjs';
import { Copy, digestOfSources } from './copy.mjs';
import { suites } from './suites.mjs';

/** What became of every mutant that was ever tried here, by its key. */
const file = join(root, '.tools/mutants/fates.json');
/** Characters of function bodies in one program: more, and the compiler needs too much memory. */
const programSize = 1_500_000;

export function readFates() {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}

/** As a whole or not at all: the run may be ended at any time. */
function writeFates(fates) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(fates, null, 1)}\n`);
  renameSync(`${file}.new`, file);
}

/** Tries the mutants, several at a time. What was tried on the very same code and tests is not tried again. */
export async function runMutants(mutants, { jobs, again }) {
  const digest = digestOfSources();
  const fates = readFates();
  if (again) for (const { key } of mutants) delete fates[key];
  for (const { key } of mutants) if (fates[key]?.digest !== digest) delete fates[key];
  const copy = new Copy();
  const stop = () => {
    copy.stop();
    process.exit(130);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  copy.sync();
  const record = (mutant, fate) => {
    fates[mutant.key] = { ...fate, digest };
    writeFates(fates);
  };
  for (const suite of suites) {
    const living = mutants.filter(({ key, equivalent }) => {
      const fate = fates[key];
      // What nothing should tell apart is tried only on what is cheap.
      if (equivalent && suite !== suites[0]) return false;
      return !fate || (fate.fate === 'survived' && !fate.passed.includes(suite.name));
    });
    if (living.length > 0) await trySuite(copy, suite, living, { jobs, fates, record });
  }
  process.off('SIGINT', stop);
  process.off('SIGTERM', stop);
}

async function trySuite(copy, suite, mutants, { jobs, fates, record }) {
  const began = Date.now();
  say(`• ${suite.name}: ${mutants.length} mutants to try`);
  let tried = 0;
  const judge = async (mutant, program, number) => {
    const start = Date.now();
    const end = await copy.test(program, suite, number);
    const passed = [...(fates[mutant.key]?.passed ?? []), suite.name];
    const fate = end ? { ...end, suite: suite.name } : { fate: 'survived', passed };
    tell(mutant, { ...fate, seconds: Math.round((Date.now() - start) / 100) / 10 });
  };
  const tell = (mutant, fate) => {
    record(mutant, fate);
    tried += 1;
    say(`  ${tried}/${mutants.length} ${[fate.fate, fate.by].filter(Boolean).join(' by ')}: ${mutant.key}`);
  };
  const alone = new Set();
  for (const [text, list] of grouped(mutants, ({ file }) => copy.originals.get(file))) {
    for (const mutant of loners(text, list)) alone.add(mutant);
  }
  const together = mutants.filter((mutant) => !alone.has(mutant));
  for (const chunk of chunks(together, (mutant) => sizeOf(copy.originals.get(mutant.file), mutant))) {
    const start = Date.now();
    const numbered = chunk.map((mutant, at) => ({ ...mutant, number: at + 1 }));
    const built = await copy.build(suite, numbered);
    say(`  built with ${chunk.length} mutants in ${seconds(start)}`);
    await checkWithout(copy, suite, built.program);
    for (const [mutant, why] of built.unviable) tell(mutant, { fate: 'unviable', why });
    for (const mutant of built.alone) alone.add(mutant);
    const queue = numbered.filter((mutant) => !built.unviable.has(mutant) && !built.alone.has(mutant));
    const work = async () => {
      for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
        await judge(mutant, built.program, mutant.number);
      }
    };
    await Promise.all(Array.from({ length: jobs }, work));
  }
  for (const mutant of alone) {
    const { program, why } = await copy.buildAlone(suite, mutant);
    if (program) await judge(mutant, program, 0);
    else tell(mutant, { fate: 'unviable', why });
  }
  say(`• ${suite.name}: ${mutants.length} mutants in ${seconds(began)}`);
}

/** The tests have to pass where no mutant is at work. */
async function checkWithout(copy, suite, program) {
  const start = Date.now();
  const failed = await copy.test(program, suite, 0);
  if (failed) throw new Failure(`${suite.name} fails without any mutant: ${failed.by} (${failed.fate})`);
  say(`  passes without any in ${seconds(start)}`);
}

/** As many mutants as a program can hold. */
function chunks(mutants, sizeOfOne) {
  const all = [];
  let size = Number.POSITIVE_INFINITY;
  for (const mutant of mutants) {
    const more = sizeOfOne(mutant);
    if (size + more > programSize) {
      all.push([]);
      size = 0;
    }
    all.at(-1).push(mutant);
    size += more;
  }
  return all;
}
