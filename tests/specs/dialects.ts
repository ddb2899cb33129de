/** The specs are written for Vitest; what the other runners want is said by one rule each. */
export type Dialect = 'vitest' | 'jest' | 'jest-esm';

const fromVitest = /^import \{ ([\w, ]+) \} from 'vitest';\n/m;

/** A file of the app, specs included, in the words of a runner. */
export function inDialect(dialect: Dialect, source: string): string {
  if (dialect === 'vitest') return source;
  const text = source
    .replace(/vi\.useFakeTimers\(\{ toFake: .*? \}\)/g, 'jest.useFakeTimers()')
    .replace(/\bvi\./g, 'jest.');
  return dialect === 'jest' ? text.replace(fromVitest, '') : asEsm(text);
}

/** Mocks of ES modules are not hoisted: what they are to apply to is imported after them. */
function asEsm(text: string): string {
  const own = text.replace(fromVitest, (_, names: string) => {
    return `import { ${names.replace(/\bvi\b/, 'jest')} } from '@jest/globals';\n`;
  });
  if (!own.includes('jest.mock(')) return own;
  const later: string[] = [];
  const lines = own
    .replace(
      /^import \{ ([\w, ]+) \} from '((?!node:|@jest)[^']+)';\n/gm,
      (_, names: string, from: string) => {
        later.push(`const { ${names} } = await import('${from}');`);
        return '';
      },
    )
    .replaceAll('jest.mock(', 'jest.unstable_mockModule(')
    .split('\n');
  const lastMock = lines.findLastIndex((line) => line.startsWith('jest.unstable_mockModule('));
  const end = lines.findIndex((line, at) => at >= lastMock && line.endsWith(');') && !line.startsWith(' '));
  return [...lines.slice(0, end + 1), ...later, ...lines.slice(end + 1)].join('\n');
}
