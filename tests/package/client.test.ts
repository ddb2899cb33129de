import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'rolldown';
import { expect, inject, test } from 'vitest';

const consumer = inject('consumer');

test('the client is at most 8 KB for a page, without the engine and without anything of Node', async () => {
  const { output } = await build({
    input: 'task-execution-engine/client',
    cwd: consumer,
    platform: 'browser',
    write: false,
    logLevel: 'silent',
    output: { minify: true },
  });
  const chunks = output.filter((part) => part.type === 'chunk');
  expect(chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports])).toEqual([]);
  const code = chunks.map((chunk) => chunk.code).join('');
  expect(code).not.toMatch(/WebAssembly|node:/);
  const bytes = gzipSync(code, { level: 9 }).byteLength;
  console.log(`client: ${bytes} bytes`);
  expect(bytes).toBeLessThanOrEqual(8_000);
});

test('errors of the client are those of the engine', async () => {
  const pkg = join(consumer, 'node_modules/task-execution-engine/pkg');
  const [client, main] = await Promise.all(['client.js', 'index.js'].map((name) => import(join(pkg, name))));
  expect(client.TaskExecutionError).toBe(main.TaskExecutionError);
});
