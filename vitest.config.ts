import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// Processes are started and waited for.
const slow = { testTimeout: 180_000, hookTimeout: 180_000, fileParallelism: false };

export default defineConfig({
  resolve: {
    alias: {
      '#events': source('./js/runtimes/events-node.ts'),
      '#peers': source('./js/runtimes/peers-import.ts'),
      '#wasm': source('./js/runtimes/wasm-inlined.ts'),
    },
  },
  test: {
    // Google's SDK looks for its metadata server otherwise, and complains on stderr where there is none.
    env: { METADATA_SERVER_DETECTION: 'none' },
    projects: [
      { extends: true, test: { name: 'unit', include: ['tests/js/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['tests/package/**/*.test.ts', 'tests/docs/**/*.test.ts'],
          globalSetup: 'tests/package/pack.ts',
          ...slow,
        },
      },
      {
        extends: true,
        test: {
          name: 'specs',
          include: ['tests/specs/*.test.ts'],
          globalSetup: 'tests/specs/setup.ts',
          ...slow,
          testTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'hosts',
          include: ['tests/hosts/*.test.ts'],
          globalSetup: ['tests/hosts/setup.ts', 'tests/firestore/setup.ts'],
          ...slow,
          hookTimeout: 420_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'example',
          include: ['tests/example/*.test.ts'],
          globalSetup: ['tests/example/setup.ts', 'tests/firestore/setup.ts'],
          ...slow,
        },
      },
      {
        extends: true,
        test: {
          name: 'firestore',
          include: ['tests/firestore/**/*.test.ts'],
          globalSetup: 'tests/firestore/setup.ts',
          testTimeout: 60_000,
          hookTimeout: 90_000,
        },
      },
      {
        extends: true,
        test: { name: 'bedrock', include: ['tests/bedrock/**/*.test.ts'], testTimeout: 60_000 },
      },
      { extends: true, test: { name: 'soak', include: ['tests/soak/**/*.test.ts'], ...slow } },
      { extends: true, test: { name: 'kill', include: ['tests/kill/**/*.test.ts'], ...slow } },
      { extends: true, test: { name: 'fleet', include: ['tests/fleet/**/*.test.ts'], ...slow } },
      { extends: true, test: { name: 'e2e', include: ['tests/e2e/**/*.test.ts'], ...slow } },
    ],
  },
});
