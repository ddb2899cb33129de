import { cp, mkdtemp, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { root } from './pack.js';
import { type PublicTypes, publicTypesOf, written } from './types/public-types.js';
import { undocumentedIn } from './types/undocumented.js';

const { './package.json': _, ...exported } = packageJson.exports;
const entries = Object.entries(exported).map(([path, { import: esm, require: cjs }]) => ({
  entry: path === '.' ? 'index' : path.slice(2),
  esm: esm.types,
  cjs: cjs.types,
}));

/** Every `any` that somebody means, and why. */
const intended = new Set([
  // whatever the app calls an event, and what it passes with it
  'AnyListener.args',
  'TaskEmitter.emit.args',
  'TypedEmitter.emit.args',
  // parts of requests that the engine hands on without looking inside
  'Opaque',
  // inputs of tools whose schema says nothing, and the tools of a host, each with its own input
  'OpenInput',
  'Tool.execute.input',
  'Tool.needsApproval.input',
  'JsonSchema[]',
  // what the app's own function for chats takes and gives
  'OfTheApp',
  // fields of the app's own documents
  'OpenDocument[]',
  // the platform's AbortSignal, where no library declares it, takes and gives what that does
  'StructuralAbortSignal.addEventListener.listener',
  'StructuralAbortSignal.addEventListener.options',
  'StructuralAbortSignal.dispatchEvent.event',
  'StructuralAbortSignal.onabort',
  'StructuralAbortSignal.reason',
  'StructuralAbortSignal.removeEventListener.listener',
  'StructuralAbortSignal.removeEventListener.options',
]);

/** What objects of Google's and Amazon's SDKs have to be assignable to, whatever their version. */
const structural =
  /^FetchLike\b|^(Batch|Document|Firestore|Query|Snapshot|BedrockClient|TaskDatabaseService)Like\.|^(Firestore|Bedrock)Sdk\./;

describe('the public types', () => {
  let installed: string;
  let read: (path: string) => PublicTypes;

  beforeAll(async () => {
    installed = await realpath(join(inject('consumer'), 'node_modules/task-execution-engine'));
    for (const name of ['@types/react', 'csstype']) {
      await cp(join(root, 'node_modules', name), join(inject('consumer'), 'node_modules', name), {
        recursive: true,
      });
    }
    const files = entries.flatMap(({ esm, cjs }) => [join(installed, esm), join(installed, cjs)]);
    const types = publicTypesOf(installed, files);
    read = (path) => {
      const found = types.get(join(installed, path));
      if (found === undefined) throw new Error(`${path} was not read`);
      return found;
    };
  });

  test.each(entries)('of $entry are those that were reviewed', async ({ entry, esm }) => {
    const main = entry === 'index' ? undefined : read(packageJson.exports['.'].import.types);
    const intro = `The public types of \`${entry}\`. Changes here are changes for users.`;
    const page = `${intro}\n\n\`\`\`ts\n${written(read(esm), main)}\`\`\`\n`;
    const update = 'if the change is meant, run `npm run types:update` and commit what it writes';
    await expect(page, update).toMatchFileSnapshot(join(root, `tests/package/types/${entry}.api.md`));
  });

  test.each(entries)('of $entry are the same for CommonJS', ({ esm, cjs }) => {
    expect(written(read(cjs))).toBe(written(read(esm)));
  });

  test.each(entries)('of $entry are all found, need no other package, and leak no any', ({ esm, cjs }) => {
    expect([...read(esm).problems, ...read(cjs).problems]).toEqual([]);
  });

  test('have any only where it is meant', () => {
    const anys = new Set(entries.flatMap(({ esm }) => read(esm).anys.filter((at) => !structural.test(at))));
    expect([...anys].sort()).toEqual([...intended].sort());
  });
});

/**
 * Shapes of others, which say themselves what their fields are: the SDKs', Bedrock's ConverseStream, Standard Schema, the
 * platform's. `Infer` and `JsonSchema` have members that no object has.
 */
const ofOthers =
  /^(\w+(Like|Sdk)|AiSdk\w+|Standard\w+|StructuralAbortSignal|Infer|JsonSchema|Converse(Request|StreamEvent)|StreamException|((Reasoning|System)?Content|CachePoint|Document|Image|Tool(Use|Result(Content)?))Block(Delta)?|ByteSourceMembers|TokenUsage|Tool(Configuration|Specification))\./;

test('every field of every entry says what it is when a pointer rests on it, but for shapes of others', () => {
  const installed = join(inject('consumer'), 'node_modules/task-execution-engine');
  const found = undocumentedIn(
    installed,
    entries.map(({ esm }) => join(installed, esm)),
  );
  expect(found.filter((name) => !ofOthers.test(name))).toEqual([]);
});

test('the check of what is said sees what stands on the line of another member', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'undocumented-')));
  const file = join(folder, 'index.d.ts');
  await writeFile(
    file,
    'export interface A {\n  /** One. */\n  one: string; /** Lost. */\n  two: {\n    /** Three. */\n    three: 1;\n    four: 2;\n  };\n}\n',
  );
  expect(undocumentedIn(folder, [file])).toEqual(['A.two', 'A.two.four']);
});

describe('the check of public types', () => {
  const read = async (files: Record<string, string>): Promise<PublicTypes> => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'public-types-')));
    for (const [name, text] of Object.entries({ 'package.json': '{ "type": "module" }', ...files })) {
      await writeFile(join(folder, name), text);
    }
    const entry = join(folder, 'index.d.ts');
    const found = publicTypesOf(folder, [entry]).get(entry);
    if (found === undefined) throw new Error('nothing was read');
    return found;
  };

  test('does not see the names of chunks, and sees members of what is only mentioned', async () => {
    const chunk = (member: string) => `interface Part { ${member}: string }
/** Some words. */
export interface Whole { part: Part }
`;
    const one = await read({
      'a-123.d.ts': chunk('name').replace('export interface', 'interface').concat('export { Whole as t };\n'),
      'index.d.ts': "export { t as Whole } from './a-123.js';\n",
    });
    const same = await read({
      'b-456.d.ts': chunk('name'),
      'index.d.ts': "export { Whole } from './b-456.js';\n",
    });
    const other = await read({
      'b-456.d.ts': chunk('title'),
      'index.d.ts': "export { Whole } from './b-456.js';\n",
    });
    expect(written(one)).toBe(written(same));
    expect(written(other)).not.toBe(written(same));
    expect(written(one, same)).toMatch(
      /interface Part[\s\S]*\n\n\/\/ As the main entry exports them:\n\/\/ Whole\n$/,
    );
    expect([one.problems, same.problems, one.anys]).toEqual([[], [], []]);
  });

  test.each([
    ['export declare function f(b: Buffer): void;', "f.b: 'Buffer' is any"],
    ['export declare function f(): NodeJS.Timeout;', "f: 'NodeJS.Timeout' is any"],
    [
      "import type { Message } from '@aws-sdk/client-bedrock-runtime';\nexport interface A { m: Message }",
      "the types import '@aws-sdk/client-bedrock-runtime'",
    ],
    ["export interface A { m: import('node:events').EventEmitter }", "the types import 'node:events'"],
    ['/// <reference types="node" />\nexport type A = \'a\';', "the types refer to the library 'node'"],
    ['export interface A { inner: { field } }', 'A.inner.field: is any, for want of a type'],
    ['export declare function f();', 'f: returns any, for want of a type'],
    ['export declare class A extends Missing {}', "A: 'Missing' is any"],
    ["export type A = { [K in 'a']: Missing }['a'];", "A: 'Missing' is any"],
  ])('finds what is wrong with %j', async (source, problem) => {
    expect((await read({ 'index.d.ts': source })).problems).toContain(problem);
  });

  test('finds every any that is written, in what is only mentioned too', async () => {
    const source = 'interface B { f(x: any): void }\nexport interface A { b?: B; c: Record<string, any> }\n';
    expect((await read({ 'index.d.ts': source })).anys).toEqual(['A.c', 'B.f.x']);
  });
});
