import { existsSync } from 'node:fs';
import { defineConfig } from 'tsdown';

const entries = {
  index: 'js/index.ts',
  sqlite: 'js/adapters/sqlite.ts',
  testing: 'js/testing/index.ts',
  cli: 'js/cli/main.ts',
};
// Chosen by the `imports` of package.json: each runtime loads only its own.
const runtimes = {
  'runtimes/events-node': 'js/runtimes/events-node.ts',
  'runtimes/events-npm': 'js/runtimes/events-npm.ts',
  'runtimes/wasm-inlined': 'js/runtimes/wasm-inlined.ts',
};
const present = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));

export default defineConfig({
  entry: { ...present, ...runtimes },
  format: ['esm', 'cjs'],
  outDir: 'pkg',
  clean: false,
  platform: 'neutral',
  target: 'es2022',
  dts: true,
  failOnWarn: true,
  fixedExtension: false,
  deps: { neverBundle: [/^#/, /^node:/, 'libsql'] },
});
