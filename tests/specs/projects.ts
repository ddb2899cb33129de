import type { Dialect } from './dialects.js';
import type { Start } from './runner.js';

/** One way in which an app may have set its runner up. */
export interface Project {
  readonly name: string;
  readonly dialect: Dialect;
  /** What the runner is told, beside what all are. */
  readonly config: Record<string, unknown>;
}

/** One start of a runner, with all its projects. */
export interface Run extends Start {
  readonly projects: Project[];
}

const tsJest = (more: object, module: string) => ({
  transform: {
    '^.+\\.ts$': [
      'ts-jest',
      { diagnostics: false, tsconfig: { module, target: 'es2022', isolatedModules: true }, ...more },
    ],
  },
});
const swc = (type: 'commonjs' | 'es6') => ({
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type } },
    ],
  },
});
const esm = { extensionsToTreatAsEsm: ['.ts'] };
const fakedByConfiguration = { fakeTimers: { enableGlobally: true } };

function jest(version: '29' | '30'): Run[] {
  const [folder, jsdom] =
    version === '29'
      ? ['node_modules/jest29', '<rootDir>/../node_modules/jest-environment-jsdom29/build/index.js']
      : ['node_modules/jest', 'jest-environment-jsdom'];
  const project = (
    name: string,
    dialect: Dialect,
    environment: 'node' | 'jsdom',
    config: object,
  ): Project => ({
    name: `jest${version}-${name}-${environment}`,
    dialect,
    config: { ...config, testEnvironment: environment === 'jsdom' ? jsdom : 'node' },
  });
  return [
    {
      name: `Jest ${version}, CommonJS`,
      runner: 'jest',
      command: [`${folder}/bin/jest.js`],
      projects: [
        project('ts-jest', 'jest', 'node', tsJest({}, 'commonjs')),
        project('ts-jest', 'jest', 'jsdom', tsJest({}, 'commonjs')),
        project('swc', 'jest', 'node', swc('commonjs')),
        project('swc-faked', 'jest', 'node', { ...swc('commonjs'), ...fakedByConfiguration }),
        project('swc-faked', 'jest', 'jsdom', { ...swc('commonjs'), ...fakedByConfiguration }),
      ],
    },
    {
      name: `Jest ${version}, ES modules`,
      runner: 'jest',
      command: ['--experimental-vm-modules', `${folder}/bin/jest.js`],
      projects: [
        project('ts-jest-esm', 'jest-esm', 'node', { ...tsJest({ useESM: true }, 'esnext'), ...esm }),
        project('swc-esm-faked', 'jest-esm', 'node', { ...swc('es6'), ...esm, ...fakedByConfiguration }),
        project('swc-esm', 'jest-esm', 'jsdom', { ...swc('es6'), ...esm }),
      ],
    },
  ];
}

const faked = { setupFiles: ['./src/test/faked-before-the-import.ts'] };
const vitest: Run = {
  name: 'Vitest',
  runner: 'vitest',
  command: ['node_modules/vitest/vitest.mjs', 'run'],
  projects: [
    { name: 'vitest-node', dialect: 'vitest', config: { environment: 'node' } },
    { name: 'vitest-jsdom', dialect: 'vitest', config: { environment: 'jsdom' } },
    { name: 'vitest-happy-dom', dialect: 'vitest', config: { environment: 'happy-dom' } },
    { name: 'vitest-faked', dialect: 'vitest', config: { environment: 'node', ...faked } },
  ],
};

/** Every runner, and every set-up of it. */
export const runs: Run[] = [...jest('29'), ...jest('30'), vitest];
