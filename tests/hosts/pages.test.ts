import { cp, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { install, runIn, type Server, serve } from './app.js';
import { journeyTest, lockedVersion, queryOf, scratch } from './journey.js';
import { journeyPage } from './page.js';
import { Browser } from './webdriver.js';

let app: string;
let browser: Browser;

beforeAll(async () => {
  app = await install('journey');
  browser = await Browser.open();
});

afterAll(() => browser?.close());

function journeyIn(name: string, way: string, version: string | undefined, address: () => string): void {
  const project = `page-${way.toLowerCase().replace(/\W+/g, '-')}`;
  const runtime = { name, version, way, store: 'Firestore (REST)' as const };
  journeyTest(runtime, (taskId) => journeyPage(browser, `${address()}?${queryOf(project, taskId)}`));
}

describe('without a bundler', () => {
  let files: HttpServer;

  beforeAll(async () => {
    const { exports, imports } = packageJson;
    const path = '/node_modules/task-execution-engine';
    const map = {
      'task-execution-engine': exports['.'].import.default,
      'task-execution-engine/firestore': exports['./firestore'].import.default,
      'task-execution-engine/testing': exports['./testing'].import.default,
      '#events': imports['#events'].default.import,
      '#peers': imports['#peers'].import,
      '#wasm': imports['#wasm'].default.import,
    };
    const entries = Object.entries(map).map(([name, file]) => [name, file.replace('.', path)]);
    const importMap = JSON.stringify({ imports: Object.fromEntries(entries) });
    const page = await readFile(join(app, 'index.html'), 'utf8');
    const mapped = page.replace('<script', `<script type="importmap">${importMap}</script>\n    <script`);
    await writeFile(join(app, 'mapped.html'), mapped);
    files = await served(app);
  });

  afterAll(() => files?.close());

  journeyIn('Chromium', 'import map, no bundler', undefined, () => `${addressOf(files)}/mapped.html`);
});

describe('bundled by esbuild', async () => {
  let files: HttpServer;

  beforeAll(async () => {
    const folder = await scratch('esbuild');
    await cp(join(app, 'index.html'), join(folder, 'index.html'));
    const printed = await runIn(app, 'esbuild', [
      'page.mjs',
      '--bundle',
      '--format=esm',
      `--outfile=${folder}/page.mjs`,
    ]);
    expect(printed).not.toMatch(/warn|error/i);
    files = await served(folder);
  });

  afterAll(() => files?.close());

  const version = await lockedVersion('journey', 'esbuild');
  journeyIn('esbuild for pages', 'ES module', version, () => `${addressOf(files)}/index.html`);
});

describe('by Vite', async () => {
  let folder: string;
  let server: Server | undefined;
  const version = await lockedVersion('vite', 'vite');

  beforeAll(async () => {
    folder = await install('vite');
    for (const file of ['index.html', 'page.mjs', 'asked.mjs', 'journey.mjs'])
      await cp(join(app, file), join(folder, 'journey', file));
  });

  const vite = async (...args: string[]) => {
    server = await serve(
      join(folder, 'node_modules/.bin/vite'),
      [...args, '--host', '127.0.0.1', '--port', '0'],
      folder,
    );
  };

  describe('while it is developed', () => {
    beforeAll(() => vite('dev', 'journey'));
    afterAll(() => server?.stop());
    journeyIn('Vite', 'development server', version, () => `${server?.address}/`);
  });

  describe('built', () => {
    beforeAll(async () => {
      const printed = await runIn(folder, 'vite', ['build', 'journey']);
      expect(printed).not.toMatch(/task-execution-engine|externalized|error/i);
      await vite('preview', 'journey');
    });
    afterAll(() => server?.stop());
    journeyIn('Vite', 'build', version, () => `${server?.address}/`);
  });
});

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
};

/** Serves what is in a folder. */
async function served(folder: string): Promise<HttpServer> {
  const server = createServer(async ({ url = '' }, response) => {
    const path = join(folder, normalize(new URL(url, 'http://localhost').pathname));
    const content = await readFile(path).catch(() => undefined);
    if (content === undefined) response.writeHead(404).end();
    else response.setHeader('content-type', types[extname(path)] ?? 'text/plain').end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function addressOf(server: HttpServer): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
