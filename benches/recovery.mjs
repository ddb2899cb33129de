// How long a task lies after its worker has died, by lease, number of workers and who looks: a simulation, on paper's terms.
// `node benches/recovery.mjs` prints the table of docs/scaling.md and writes its plot, docs/recovery.svg.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const rounds = 20_000;
const leases = [5, 10, 20, 30, 60];
/** Seconds: as `work --every` has it. */
const every = 5;
/** Seconds: reading a task back and taking it. */
const takeUp = 0.2;

/** Kinds of fleets: `work` with so many workers left, or Restate, whose next worker waits for the lease itself. */
const fleets = [
  { name: 'work, 1 worker left', workers: 1, colour: '#b45309' },
  { name: 'work, 4 workers left', workers: 4, colour: '#0369a1' },
  { name: 'work, 16 workers left', workers: 16, colour: '#15803d' },
  { name: 'Restate', workers: 0, colour: '#7e22ce' },
];

/** mulberry32: the same numbers every time. */
function randomOf(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Seconds from a death until the next worker has the task, in order. */
function simulate({ workers }, lease) {
  const random = randomOf(7);
  const seen = [];
  for (let round = 0; round < rounds; round += 1) {
    // It renewed at each third of the lease, and died at any time since.
    const free = lease - random() * (lease / 3);
    // Each of the others looks at a time of its own, a quarter more or less apart.
    const looks = Array.from({ length: workers }, () => random() * every * (0.75 + random() / 2));
    const noticed = workers === 0 ? 0 : Math.min(...looks);
    seen.push(free + noticed + takeUp);
  }
  return seen.sort((a, b) => a - b);
}

const quantile = (sorted, q) => sorted[Math.floor(sorted.length * q)];

const results = fleets.map((fleet) => ({
  ...fleet,
  points: leases.map((lease) => {
    const seen = simulate(fleet, lease);
    return { lease, p50: quantile(seen, 0.5), p95: quantile(seen, 0.95) };
  }),
}));

const width = 640;
const height = 360;
const area = { left: 50, top: 40, right: 20, bottom: 45 };
const most = 70;
const x = (lease) => area.left + (lease / leases.at(-1)) * (width - area.left - area.right);
const y = (seconds) => height - area.bottom - (seconds / most) * (height - area.top - area.bottom);
const line = (points, which) =>
  points.map((p) => `${x(p.lease).toFixed(1)},${y(p[which]).toFixed(1)}`).join(' ');
const text = (at, down, words, more = '') => `<text x="${at}" y="${down}" ${more}>${words}</text>`;

const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" role="img" aria-label="Seconds until a dead worker's task is taken up, by lease">
<rect width="${width}" height="${height}" fill="#ffffff"/>
${text(area.left, 20, 'Seconds until a dead worker’s task is taken up (solid: p50, dashed: p95)', 'font-size="14"')}
${[0, 10, 20, 30, 40, 50, 60, 70].map((s) => `<line x1="${area.left}" x2="${width - area.right}" y1="${y(s)}" y2="${y(s)}" stroke="#e5e7eb"/>${text(area.left - 8, y(s) + 4, s, 'text-anchor="end"')}`).join('\n')}
${leases.map((lease) => text(x(lease), height - area.bottom + 18, lease, 'text-anchor="middle"')).join('\n')}
${text(width / 2, height - 8, 'leaseTtlMs, seconds', 'text-anchor="middle"')}
${results
  .map(
    ({ name, colour, points }, n) =>
      `<polyline points="${line(points, 'p50')}" fill="none" stroke="${colour}" stroke-width="2"/>
<polyline points="${line(points, 'p95')}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-dasharray="5 4"/>
${text(area.left + 20, area.top + 18 + n * 17, name, `fill="${colour}"`)}`,
  )
  .join('\n')}
</svg>
`;
writeFileSync(fileURLToPath(new URL('../docs/recovery.svg', import.meta.url)), svg);

console.log(`| lease | ${fleets.map(({ name }) => name).join(' | ')} |`);
console.log(`|---|${fleets.map(() => '---|').join('')}`);
for (const [n, lease] of leases.entries()) {
  const cells = results.map(({ points }) => `${points[n].p50.toFixed(1)}, ${points[n].p95.toFixed(1)}`);
  console.log(`| ${lease} | ${cells.join(' | ')} |`);
}
