import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Failure, root, run } from '../run.mjs';
import { cargoTool } from '../tools.mjs';
import { regionOf } from './suites.mjs';

const folder = join(root, 'tests/mutants');
// The boundary needs wasm; the others are tests.
const excluded = ['src/boundary/**', 'src/testkit/**', '**/properties.rs', '**/tests.rs', '**/tests/**'];

/**
 * Every mutant, those of cargo-mutants and the deliberate breakages: `name`, `file`, what is replaced (`start` and
 * `end` in the file's text) by what, and the `line` on which it starts, by which equivalents are recognised.
 */
export async function collect({ generated = true, breakages = true } = {}) {
  const sources = new Map();
  const source = (file) => {
    if (!sources.has(file)) sources.set(file, readFileSync(join(root, file), 'utf8'));
    return sources.get(file);
  };
  const mutants = [
    ...(breakages ? await readBreakages(source) : []),
    ...(generated ? await readGenerated(source) : []),
  ];
  return await withExcuses(
    mutants.map((mutant) => ({ ...mutant, region: regionOf(mutant.file).name })),
    {
      generated,
      breakages,
    },
  );
}

async function readGenerated(source) {
  const args = ['mutants', '--list', '--json', ...excluded.flatMap((pattern) => ['--exclude', pattern])];
  const listed = JSON.parse(
    await run('cargo', args, { capture: true, env: await cargoTool('cargo-mutants') }),
  );
  const seen = new Map();
  return listed.map(({ name, file, span, replacement }) => {
    const text = source(file);
    const start = offsetOf(text, span.start);
    const end = offsetOf(text, span.end);
    const what = name.replace(/^[^ ]+:\d+:\d+: /, '');
    // The same operator often occurs several times in a function.
    const nth = (seen.get(`${file} ${what}`) ?? 0) + 1;
    seen.set(`${file} ${what}`, nth);
    const line = lineAt(text, start);
    return {
      kind: 'generated',
      name: what,
      key: `${file}: ${what} #${nth}`,
      file,
      start,
      end,
      replacement,
      line,
    };
  });
}

/** Lines and columns count from one, columns in characters. */
function offsetOf(text, { line, column }) {
  let at = 0;
  for (let n = 1; n < line; n += 1) at = text.indexOf('\n', at) + 1;
  for (let n = 1; n < column; n += 1) at += text.codePointAt(at) > 0xffff ? 2 : 1;
  return at;
}

function lineAt(text, at) {
  const end = text.indexOf('\n', at);
  return text.slice(text.lastIndexOf('\n', at - 1) + 1, end < 0 ? undefined : end).trim();
}

async function readBreakages(source) {
  const found = [];
  for (const file of readdirSync(join(folder, 'breakages')).sort()) {
    const { default: list } = await import(pathToFileURL(join(folder, 'breakages', file)).href);
    found.push(...list.map((breakage) => ({ ...breakage, theme: file.replace(/\.mjs$/, '') })));
  }
  const wrong = [];
  const mutants = found.map(({ name, theme, file, find, replace }) => {
    const text = source(file);
    const start = text.indexOf(find);
    if (start < 0) wrong.push(`${theme}: "${name}": ${file} does not hold ${find}`);
    else if (text.indexOf(find, start + 1) >= 0)
      wrong.push(`${theme}: "${name}": ${file} holds it twice: ${find}`);
    const mutant = {
      kind: 'breakage',
      name,
      key: `breakage: ${name}`,
      theme,
      file,
      start,
      end: start + find.length,
    };
    return { ...mutant, replacement: replace, line: lineAt(text, start) };
  });
  const twice = mutants.find(({ key }, at) => mutants.findIndex((other) => other.key === key) < at);
  if (twice) wrong.push(`two breakages are called "${twice.name}"`);
  if (wrong.length > 0) {
    throw new Failure(`breakages that the code does not fit any more; mend them:\n  ${wrong.join('\n  ')}`);
  }
  return mutants;
}

/** Adds to mutants that may survive, or do so today, why; fails where a reason fits no mutant any more. */
async function withExcuses(mutants, { generated, breakages }) {
  const load = async (name) => (await import(pathToFileURL(join(folder, name)).href)).default;
  const excuses = [...(await load('equivalent.mjs')), ...(await load('uncaught.mjs'))];
  const used = new Set();
  const excused = mutants.map((mutant) => {
    const at = excuses.findIndex(
      ({ file, mutant: name, line }) =>
        name === mutant.name &&
        (file === undefined || file === mutant.file) &&
        (line === undefined || line === mutant.line),
    );
    if (at < 0) return mutant;
    used.add(at);
    const { why, elsewhere, missing } = excuses[at];
    if (missing) return { ...mutant, missing };
    return { ...mutant, ...(why ? { equivalent: why } : { elsewhere }) };
  });
  const idle = excuses.filter((_, at) => !used.has(at));
  if (generated && breakages && idle.length > 0) {
    const names = idle.map(({ file, mutant, line }) => [file, mutant, line].filter(Boolean).join(': '));
    throw new Failure(
      `tests/mutants/equivalent.mjs or uncaught.mjs lists what is no mutant any more:\n  ${names.join('\n  ')}`,
    );
  }
  return excused;
}

/** So many of them, the same for the same seed and mutants. */
export function sampleOf(mutants, count, seed) {
  const random = randomOf(seed);
  const rest = [...mutants];
  const sample = [];
  while (sample.length < count && rest.length > 0) {
    sample.push(...rest.splice(Math.floor(random() * rest.length), 1));
  }
  return sample;
}

/** mulberry32 */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
