import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig, type UserConfig } from 'tsdown';

const entries = {
  index: 'js/index.ts',
  sqlite: 'js/stores/sqlite.ts',
  firestore: 'js/stores/firestore/index.ts',
  bedrock: 'js/models/bedrock/index.ts',
  server: 'js/server/index.ts',
  client: 'js/client/index.ts',
  react: 'js/react/index.ts',
  'react-testing': 'js/react/testing.ts',
  restate: 'js/restate/index.ts',
  testing: 'js/testing/index.ts',
};
// Chosen by the `imports` of package.json: each runtime loads only its own.
const runtimes = {
  'runtimes/events-node': 'js/runtimes/events-node.ts',
  'runtimes/events-npm': 'js/runtimes/events-npm.ts',
  'runtimes/peers-import': 'js/runtimes/peers-import.ts',
  'runtimes/peers-require': 'js/runtimes/peers-require.ts',
  'runtimes/wasm-inlined': 'js/runtimes/wasm-inlined.ts',
  'runtimes/wasm-node': 'js/runtimes/wasm-node.ts',
};
// Their bundlers take a module of wasm by a static import only, also in what is required.
const workers = {
  'runtimes/wasm-workerd': 'js/runtimes/wasm-workerd.ts',
  'runtimes/wasm-edge-light': 'js/runtimes/wasm-edge-light.ts',
};
const command = { cli: 'js/cli/main.ts' };

const common: UserConfig = {
  outDir: 'pkg',
  clean: false,
  platform: 'neutral',
  target: 'es2022',
  failOnWarn: true,
  inputOptions: { checks: { pluginTimings: false } },
  fixedExtension: false,
  deps: { neverBundle: [/^#/, /^node:/, /\.wasm(\?module)?$/, /^@restatedev\//, 'libsql', 'react'] },
};

/** Lets the command load the package's entries instead of carrying copies of them. */
const entriesAreExternal = {
  name: 'entries-are-external',
  async resolveId(this: any, source: string, importer: string | undefined) {
    if (importer === undefined || !source.startsWith('.')) return null;
    const found = await this.resolve(source, importer, { skipSelf: true });
    const entry = Object.entries(entries).find(([, file]) => resolve(file) === found?.id);
    return entry ? { id: `./${entry[0]}.js`, external: true } : null;
  },
};

interface Modules {
  getModuleInfo(id: string): { importedIds: string[] } | null;
}

/** The modules that an entry is made of. */
function reachedFrom(entry: string, modules: Modules): Set<string> {
  const reached = new Set([resolve(entry)]);
  for (const id of reached) {
    for (const imported of modules.getModuleInfo(id)?.importedIds ?? []) reached.add(imported);
  }
  return reached;
}

/** A chunk of what the default entry has in common with any of the others. */
function chunk(name: string, ...others: string[]) {
  let modules: Set<string> | undefined;
  return {
    name(id: string, graph: Modules): string | null {
      const own = reachedFrom(entries.index, graph);
      modules ??= new Set(
        others.flatMap((entry) => [...reachedFrom(entry, graph)]).filter((module) => own.has(module)),
      );
      return modules.has(id) ? name : null;
    },
  };
}

/**
 * Loading a file takes about a millisecond, so what the default entry is made of lies in one; but for what entries need that
 * load no engine.
 */
const chunks = [
  { ...chunk('page', entries.client, entries.react), priority: 2 },
  { ...chunk('common', entries.bedrock, entries.sqlite), priority: 1 },
  chunk('engine', entries.index),
];

const inlined = new Set<string>();
/** Says which packages of others are inlined, for `scripts/lib/licences.mjs`. */
const tellsWhatIsInlined = {
  name: 'tells-what-is-inlined',
  generateBundle(_: unknown, bundle: Record<string, any>) {
    for (const { moduleIds = [] } of Object.values(bundle)) {
      for (const id of moduleIds) {
        const folder = /^\0?(.*\/node_modules\/(@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
        if (folder !== undefined) inlined.add(folder);
      }
    }
    mkdirSync('.tools', { recursive: true });
    writeFileSync('.tools/inlined.json', JSON.stringify([...inlined].sort()));
  },
};

const packageBuild: UserConfig = {
  ...common,
  entry: { ...entries, ...runtimes },
  format: ['esm', 'cjs'],
  dts: true,
  plugins: [tellsWhatIsInlined],
  outputOptions: { codeSplitting: { groups: chunks } },
};
const workerBuild: UserConfig = {
  ...common,
  entry: workers,
  format: 'esm',
  dts: false,
  inputOptions: { ...common.inputOptions, makeAbsoluteExternalsRelative: false },
};
const commandBuild: UserConfig = {
  ...common,
  entry: command,
  format: 'esm',
  dts: false,
  platform: 'node',
  plugins: [entriesAreExternal, tellsWhatIsInlined],
  copy: [
    { from: 'js/cli/demo/plan.json', to: 'pkg/demo' },
    { from: 'js/cli/demo/sample', to: 'pkg/demo' },
  ],
};

export default defineConfig([packageBuild, workerBuild, commandBuild]);
