import { expect, test } from 'vitest';
import { textOf } from './project.js';

test('every spec that the page on testing shows is at most 20 lines long', async () => {
  const blocks = [...(await textOf('docs/testing.md')).matchAll(/^```js\n([\s\S]*?)^```$/gm)];
  const specs = blocks.flatMap(([, code = '']) => [...code.matchAll(/^test\([\s\S]*?^\}\);$/gm)]);
  expect(specs.length).toBeGreaterThanOrEqual(5);
  for (const [spec] of specs) expect(spec.split('\n').length, spec).toBeLessThanOrEqual(20);
});
