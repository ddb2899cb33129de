import { symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { outputOf, root } from './pack.js';

const consumer = inject('consumer');
const react = join(consumer, 'node_modules/react');
const entries = Object.keys(packageJson.exports)
  .filter((path) => path !== './package.json')
  .map((path) => path.replace(/^\./, 'task-execution-engine'));

/** Notes what is called of the package: what workers forbid while a module is loaded, and what costs. */
const watching = `
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
export const called = [];
const watched = [
  [globalThis, ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch']],
  [require('node:timers'), ['setTimeout', 'setInterval', 'setImmediate']],
  [require('node:crypto'), ['randomBytes', 'randomUUID']],
  [require('node:fs'), ['readFileSync', 'readFile', 'openSync', 'open', 'statSync']],
  [Math, ['random']],
  [Object.getPrototypeOf(crypto), ['getRandomValues', 'randomUUID']],
  [WebAssembly, ['compile', 'instantiate', 'Module', 'Instance']],
];
for (const [owner, names] of watched) {
  for (const name of names) {
    const original = owner[name];
    function noted(...args) {
      // the caller: Node's own loader reads what the package requires
      if (/task-execution-engine.pkg/.test(new Error().stack.split('\\n')[2])) called.push(name);
      return new.target ? Reflect.construct(original, args) : Reflect.apply(original, this, args);
    }
    Object.setPrototypeOf(noted, original);
    noted.prototype = original.prototype;
    Object.defineProperty(owner, name, { value: noted, configurable: true, writable: true });
  }
}
require('node:module').syncBuiltinESMExports();
export const tell = () => console.log(JSON.stringify(called));
`;

beforeAll(async () => {
  await symlink(join(root, 'node_modules/react'), react);
  await writeFile(join(consumer, 'watching.mjs'), watching);
});
afterAll(() => unlink(react));

/** What is called while this runs, in a process of its own. */
async function calledBy(source: string): Promise<string[]> {
  await writeFile(
    join(consumer, 'effects.mjs'),
    `import { createRequire } from 'node:module';
import { tell } from './watching.mjs';
const require = createRequire(import.meta.url);
${source}
tell();
`,
  );
  return JSON.parse(await outputOf(process.execPath, ['effects.mjs'], consumer));
}

test.each(entries)(
  'loading %s sets no timer, draws no random number, reads and compiles nothing',
  async (entry) => {
    expect(await calledBy(`await import('${entry}');`)).toEqual([]);
    expect(await calledBy(`require('${entry}');`)).toEqual([]);
  },
);

test('the first command does, once', async () => {
  const source =
    "const { version } = await import('task-execution-engine');\nawait version();\nawait version();";
  const called = await calledBy(source);
  expect(called.filter((name) => name === 'Module')).toEqual(['Module']);
  expect(called).toContain('readFileSync');
});
