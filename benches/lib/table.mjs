/** A table for people: each number with its spread, beside its budget. */
export function table({ node, cpu, cores }, rows) {
  const head = ['', 'measured', 'least–most', 'budget', ''];
  const lines = rows.map(({ name, value, unit, least, most, budget, reached }) => [
    name,
    `${grouped(value)} ${unit}`.trim(),
    least === undefined ? '' : `${grouped(least)}–${grouped(most)}`,
    budget === undefined ? '' : `≤ ${grouped(budget)}`,
    reached === undefined ? '' : reached ? '✓' : '✗',
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column].length)));
  const drawn = [head, ...lines].map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
  return `Node ${node}, ${cores} × ${cpu}\n\n${drawn.join('\n')}`;
}

function grouped(number) {
  return number.toLocaleString('en-US');
}
