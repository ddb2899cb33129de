/** What was sampled, for people. */
import { counts, sizes } from './gauges.mjs';

const kilo = new Set(['heap', 'external', 'buffers', 'wasm', 'rss']);
const shown = (gauge, value) => (kilo.has(gauge) ? `${Math.round(value / 1024)}` : String(value));

/** One line a sample; bytes in KB. */
export function tableOf(samples) {
  const columns = ['tasks', 'seconds', 'heap', 'external', 'buffers', 'wasm', 'table', 'rss', ...counts];
  const rows = samples.map((sample) =>
    columns.map((name) => (name === 'seconds' ? sample.seconds.toFixed(1) : shown(name, sample[name]))),
  );
  const widths = columns.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)));
  return [columns, ...rows]
    .map((row) => row.map((cell, i) => cell.padStart(widths[i])).join('  '))
    .join('\n');
}

export function summaryOf({ taken, judged, tally, thrown, injected, seed }) {
  const { tasks, seconds, made } = taken.at(-1);
  const slopes = judged
    .filter(({ gauge }) => sizes.includes(gauge))
    .map(({ gauge, slope, doubt }) => `${gauge} ${slope.toFixed(2)} ± ${doubt.toFixed(2)}`);
  const list = (of) =>
    Object.entries(of)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ');
  return [
    `seed ${seed}: ${tasks} tasks in ${seconds.toFixed(0)} s, ${(tasks / seconds).toFixed(0)} a second, ${made} machines`,
    `after warm-up, a task: ${slopes.join(', ')} (bytes; the table in entries)`,
    `ended and given: ${list(tally)}`,
    `failed on purpose: ${list(thrown)}; of the store: ${list(injected)}`,
  ].join('\n');
}
