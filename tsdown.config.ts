import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig, type UserConfig } from 'tsdown';

const entries = present({
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
});
// Chosen by the `imports` of package.json: each runtime loads only its own.
const runtimes = {
  'runtimes/events-node': 'js/runtimes/events-node.ts',
  'runtimes/events-npm': 'js/runtimes/events-npm.ts',
  'runtimes/peers-import': 'js/runtimes/peers-import.ts',
  'runtimes/peers-require': 'js/runtimes/peers-require.ts',
  'runtimes/wasm-inlined': 'js/runtimes/wasm-inlined.ts',
};
const command = present({ cli: 'js/cli/main.ts' });

function present(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter(([, file]) => existsSync(file)));
}

const common: UserConfig = {
  outDir: 'pkg',
  clean: false,
  platform: 'neutral',
  target: 'es2022',
  failOnWarn: true,
  inputOptions: { checks: { pluginTimings: false } },
  fixedExtension: false,
  deps: { neverBundle: [/^#/, /^node:/, /^@restatedev\//, 'libsql', 'react'] },
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

export default defineConfig(Object.keys(command).length > 0 ? [packageBuild, commandBuild] : [packageBuild]);
