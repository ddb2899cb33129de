/** Whether what was sampled stays flat. */
import { counts, sizes } from './gauges.mjs';

/** Of the tasks, so many are there to warm up: caches fill, code is compiled, memory takes its size. */
export const warmUp = 0.3;

/** Bytes (entries of the table) by which the line through the samples may rise, however many tasks they are of. */
const mayRise = {
  heap: 1_000_000,
  external: 500_000,
  buffers: 250_000,
  // these only ever grow: to what most tasks at once need
  wasm: 500_000,
  table: 4_500,
};

/** The line of least squares: its slope, and how far off that may be (two standard errors). */
export function slopeOf(points) {
  const n = points.length;
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / n;
  const [mx, my] = [mean(([x]) => x), mean(([, y]) => y)];
  const sxx = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / sxx;
  const left = points.reduce((sum, [x, y]) => sum + (y - my - slope * (x - mx)) ** 2, 0);
  return { slope, doubt: 2 * Math.sqrt(left / Math.max(1, n - 2) / sxx) };
}

/** One line a gauge: what it was at first and at last, and whether it is flat. */
export function verdicts(samples) {
  const last = samples.at(-1);
  const warm = samples.filter(({ tasks }) => tasks >= last.tasks * warmUp);
  return [...counts, ...sizes].map((gauge) => {
    const values = warm.map((sample) => sample[gauge]);
    const { slope, doubt } = slopeOf(warm.map((sample) => [sample.tasks, sample[gauge]]));
    const limit = mayRise[gauge];
    const rise = slope * (last.tasks - warm[0].tasks);
    // a count that only waves comes back to what it was
    const flat =
      limit === undefined ? Math.min(...values.slice(-2)) <= Math.min(...values.slice(0, 2)) : rise <= limit;
    return { gauge, first: values[0], last: values.at(-1), slope, doubt, flat };
  });
}
