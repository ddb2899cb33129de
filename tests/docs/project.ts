import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { root } from '../package/pack.js';
import type { Snippet } from './snippets.js';

const packageName = 'task-execution-engine';
/** What the pages say to install beside the package. */
const companions = [
  'libsql',
  '@aws-sdk/client-bedrock-runtime',
  '@smithy/node-http-handler',
  '@restatedev/restate-sdk',
  'firebase-admin',
  'react',
  'react-dom',
  '@types/react',
  '@types/react-dom',
];

/** A reader's project: the packed package, what the pages say to install beside it, and the snippets of a page. */
export async function projectOf(consumer: string, snippets: Map<string, Snippet>): Promise<string> {
  const project = await mkdtemp(join(consumer, 'page-'));
  const installed = join('node_modules', packageName);
  await cp(join(consumer, installed), join(project, installed), { recursive: true });
  for (const name of companions) {
    const path = join('node_modules', name);
    await mkdir(dirname(join(project, path)), { recursive: true });
    await symlink(join(root, path), join(project, path));
  }
  const compilerOptions = {
    strict: true,
    skipLibCheck: true,
    target: 'ES2022',
    module: 'NodeNext',
    jsx: 'react-jsx',
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  };
  await writeFile(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  // a snippet without an import of its own still is a module
  for (const [name, { code, isJsx }] of snippets)
    await writeFile(join(project, isJsx ? `${name}.tsx` : `${name}.mts`), `${code}\nexport {};\n`);
  return project;
}

/** What a terminal would show of a script of the project. */
export function shown(script: string, project: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script], { cwd: project });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(`${output}Killed`);
      else if (code === 0 && errors === '') resolve(output.trimEnd());
      else reject(new Error(`${script} ended with ${code ?? signal}:\n${output}${errors}`));
    });
  });
}

/** The text of a page, by its path from the root. */
export function textOf(path: string): Promise<string> {
  return readFile(join(root, path), 'utf8');
}
