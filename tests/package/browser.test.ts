import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { Browser } from '../hosts/webdriver.js';

const installed = join(inject('consumer'), 'node_modules/task-execution-engine');
const importMap = {
  imports: {
    'task-execution-engine': packageJson.exports['.'].import.default.replace('./', '/'),
    '#events': packageJson.imports['#events'].default.import.replace('./', '/'),
    '#wasm': packageJson.imports['#wasm'].default.import.replace('./', '/'),
  },
};
const page = `<!doctype html><title>waiting</title>
<script type="importmap">${JSON.stringify(importMap)}</script>
<script type="module">
  import { version } from 'task-execution-engine';
  version().then((text) => (document.body.textContent = 'engine ' + text),
                 (error) => (document.body.textContent = error.code + ' ' + error.message));
</script><body></body>`;

let browser: Browser;
let server: Server;
let address: string;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/open' || pathname === '/strict') {
      response.setHeader('content-type', 'text/html');
      if (pathname === '/strict')
        response.setHeader('content-security-policy', "script-src 'self' 'unsafe-inline'");
      response.end(page);
      return;
    }
    const file = join(installed, normalize(pathname));
    const exists = await stat(file).then(
      (found) => found.isFile(),
      () => false,
    );
    if (!exists) response.writeHead(404).end();
    else createReadStream(file).pipe(response.setHeader('content-type', 'text/javascript'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await Browser.open();
});

afterAll(async () => {
  await browser?.close();
  server.close();
});

/** What the page says in the end. */
async function bodyOf(path: string): Promise<string> {
  await browser.visit(address + path);
  return vi.waitFor(
    async () => {
      const text = await browser.evaluate('document.body.textContent');
      expect(text).not.toBe('');
      return text;
    },
    { timeout: 60_000, interval: 50 },
  );
}

test('a browser runs the default entry as it is, without a bundler', async () => {
  expect(await bodyOf('/open')).toBe(`engine ${packageJson.version}`);
});

test('a content security policy that forbids wasm is told as ENGINE_UNAVAILABLE with what to allow', async () => {
  expect(await bodyOf('/strict')).toMatch(/^ENGINE_UNAVAILABLE .*'wasm-unsafe-eval'/);
});
