import { readFates } from './fates.mjs';
import { regions, wanted } from './suites.mjs';

/** Prints what became of the mutants, region by region, and the survivors; says whether that is good enough. */
export function printSummary(mutants) {
  const fates = readFates();
  const tried = mutants
    .filter(({ key }) => fates[key])
    .map((mutant) => ({ ...mutant, ...fates[mutant.key] }));
  const kinds = [...new Set(tried.map(({ kind }) => kind))];
  let good = tried.length > 0;
  for (const kind of kinds) {
    const ofKind = tried.filter((mutant) => mutant.kind === kind);
    const rows = [
      ...regions.map((region) => [region, ofKind.filter(({ region: name }) => name === region.name)]),
    ];
    console.log(`\n${kind === 'generated' ? 'Mutants of cargo-mutants' : 'Deliberate breakages'}\n`);
    console.log(table([...rows.filter(([, list]) => list.length > 0), [{ name: 'all' }, ofKind]]));
  }
  const survivors = tried.filter(({ fate, equivalent }) => fate === 'survived' && !equivalent);
  if (survivors.length > 0) console.log('\nSurvivors:');
  for (const { key, line, elsewhere, missing } of survivors) {
    const why = elsewhere
      ? `\n      caught elsewhere: ${elsewhere}`
      : missing
        ? `\n      known: ${missing}`
        : '';
    console.log(`  ${key}\n      ${line}${why}`);
  }
  const slipped = survivors.filter(({ elsewhere, missing }) => !elsewhere && !missing);
  const strict = new Set(regions.filter((region) => region.strict).map(({ name }) => name));
  good &&= !slipped.some(({ region }) => strict.has(region));
  const counted = countsOf(tried).counted;
  good &&= slipped.length <= (1 - wanted) * counted;
  const wrong = tried.filter(
    ({ fate, equivalent, missing }) => (equivalent || missing) && (fate === 'caught' || fate === 'timeout'),
  );
  for (const { key, by, missing } of wrong) {
    const list = missing ? 'uncaught.mjs' : 'equivalent.mjs';
    console.log(`\n${key} is listed in tests/mutants/${list}, but ${by} tells it apart: take it off.`);
  }
  return good && wrong.length === 0;
}

function countsOf(mutants) {
  const count = (what) => mutants.filter(what).length;
  const unviable = count(({ fate }) => fate === 'unviable');
  const equivalent = count(({ fate, equivalent }) => fate === 'survived' && equivalent);
  const survived = count(({ fate, equivalent }) => fate === 'survived' && !equivalent);
  const timeouts = count(({ fate }) => fate === 'timeout');
  const caught = count(({ fate }) => fate === 'caught') + timeouts;
  const counted = caught + survived;
  const share = counted === 0 ? 1 : caught / counted;
  return { all: mutants.length, unviable, equivalent, caught, timeouts, survived, counted, share };
}

function table(rows) {
  const head = ['', 'mutants', 'unviable', 'equivalent', 'caught', 'of them by time', 'survived', 'share'];
  const lines = rows.map(([{ name }, mutants]) => {
    const { all, unviable, equivalent, caught, timeouts, survived, share } = countsOf(mutants);
    return [name, all, unviable, equivalent, caught, timeouts, survived, `${(100 * share).toFixed(1)} %`].map(
      String,
    );
  });
  const widths = head.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at].length)));
  const pad = (cells) =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])));
  const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [pad(head), rule, ...lines.map(pad)].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
