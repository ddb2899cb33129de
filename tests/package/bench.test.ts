import { join } from 'node:path';
import { expect, test } from 'vitest';
import { outputOf, root } from './pack.js';

interface Row {
  name: string;
  value: number;
  budget?: number;
  ceiling?: number;
}

const bench = join(root, 'benches/run.mjs');

test('what a step stores, commits and reads, and what each entry weighs, stays within its limits', async () => {
  const told = await outputOf(process.execPath, [bench, '--check', '--json'], root);
  const rows: Row[] = JSON.parse(told).rows;
  const over = rows.filter(
    ({ value, budget, ceiling = budget }) => ceiling !== undefined && !(value <= ceiling),
  );
  expect(over).toEqual([]);
  const names = rows.filter(({ budget }) => budget !== undefined).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['commits per turn', 'default entry, gzipped']));
});

test('a measure that there is not is an error that names those there are', async () => {
  const failed = outputOf(process.execPath, [bench, 'dleta'], root);
  await expect(failed).rejects.toThrow("no measure 'dleta'");
});
