import { cp, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, expect, inject, test } from 'vitest';
import { outputOf, root } from './pack.js';

const compilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  skipLibCheck: false,
  target: 'ES2022',
  module: 'NodeNext',
  moduleResolution: 'NodeNext',
  lib: ['ES2023', 'DOM', 'DOM.AsyncIterable', 'ESNext.Disposable'],
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
  noEmit: true,
};
const libraries = [
  'zod',
  'valibot',
  '@aws-sdk/client-bedrock-runtime',
  '@google-cloud/firestore',
  'firebase-admin',
];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(inject('consumer'), 'uses-'));
  for (const name of libraries) {
    const path = join(folder, 'node_modules', name);
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(root, 'node_modules', name), path);
  }
  await cp(join(root, 'tests/package/types/uses.mts'), join(folder, 'uses.mts'));
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['uses.mts'] }));
});

test('right uses of the package compile in the strictest way and wrong ones do not, libraries checked', async () => {
  await expect(outputOf(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], folder)).resolves.toBe('');
});

test('an input typed otherwise than its schema says does not compile', async () => {
  const uses = await readFile(join(folder, 'uses.mts'), 'utf8');
  await writeFile(join(folder, 'broken.mts'), uses.replace('depth: number;', 'depth: string;'));
  const config = { extends: './tsconfig.json', files: ['broken.mts'] };
  await writeFile(join(folder, 'tsconfig.broken.json'), JSON.stringify(config));
  const compiled = outputOf(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.broken.json'], folder);
  await expect(compiled).rejects.toThrow(/broken\.mts.*TS2345.*[\s\S]*TS2578/);
});

test('schemas of zod, Valibot and JSON Schema check what the model puts in, and type what execute gets', async () => {
  const source = `
import { jsonSchema, tool } from 'task-execution-engine';
import { createTestHost } from 'task-execution-engine/testing';
import * as v from 'valibot';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';

const beside = { type: 'object', properties: { n: { type: 'string' } } };
const execute = (input) => typeof input.n + ' ' + input.n;
const tools = {
  zod: tool({ description: 'd', inputSchema: z.object({ n: z.string().transform(Number) }), execute }),
  zod3: tool({ description: 'd', inputSchema: z3.object({ n: z3.string().transform(Number) }), jsonSchema: beside, execute }),
  valibot: tool({ description: 'd', inputSchema: v.object({ n: v.pipe(v.string(), v.transform(Number)) }), jsonSchema: beside, execute }),
  plain: tool({ description: 'd', inputSchema: jsonSchema({ ...beside, required: ['n'] }), execute }),
};
const names = Object.keys(tools);
const turns = [
  { tools: names.map((name) => ({ name, input: { n: '7' } })) },
  { tools: names.map((name) => ({ name, input: { n: 7 } })) },
  'Done.',
];
const test = await createTestHost({ tools, turns });
const executor = test.executor();
const results = [];
executor.on('task:tool_result', ({ name, status, content }) => results.push([name, status, status === 'error' ? '' : content[0].text]));
await executor.start();
console.log(JSON.stringify({ results, outcome: executor.outcome.status, told: test.requests[0].toolConfig.tools.filter(({ toolSpec }) => names.includes(toolSpec.name)).map(({ toolSpec }) => toolSpec.inputSchema.json.properties.n.type) }));
`;
  await writeFile(join(folder, 'validates.mjs'), source);
  const { results, outcome, told } = JSON.parse(await outputOf(process.execPath, ['validates.mjs'], folder));
  expect(results.slice(0, 4).sort()).toEqual([
    ['plain', 'success', 'string 7'],
    ['valibot', 'success', 'number 7'],
    ['zod', 'success', 'number 7'],
    ['zod3', 'success', 'number 7'],
  ]);
  expect(results.slice(4).sort()).toEqual(
    ['plain', 'valibot', 'zod', 'zod3'].map((name) => [name, 'error', '']),
  );
  expect([outcome, told]).toEqual(['completed', ['string', 'string', 'string', 'string']]);
});
