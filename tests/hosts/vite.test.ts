import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { install, runIn, type Server, serve } from './app.js';
import { Browser } from './webdriver.js';

let folder: string;
let built: string;
let server: Server;
let browser: Browser;

beforeAll(async () => {
  folder = await install('vite');
  await runIn(folder, 'tsc', ['--noEmit']);
  built = await runIn(folder, 'vite', ['build']);
  server = await serve(
    join(folder, 'node_modules/.bin/vite'),
    ['preview', '--host', '127.0.0.1', '--port', '0'],
    folder,
  );
  browser = await Browser.open();
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** The lines of the page, each with its kind. */
const lines = async (): Promise<string[]> =>
  browser.evaluate(
    "[...document.querySelectorAll('#log li')].map((line) => line.className + ': ' + line.textContent)",
  );
const status = async (): Promise<string> => browser.evaluate("document.getElementById('status').textContent");
const until = (what: () => Promise<void>) => vi.waitFor(what, { timeout: 20_000, interval: 20 });

test('the bundle is built without a complaint and has neither SQLite nor Node in it', async () => {
  expect(built).not.toMatch(/task-execution-engine|warn|\(!\)|externalized|error/i);
  const assets = join(folder, 'dist/assets');
  const scripts = (await readdir(assets)).filter((file) => file.endsWith('.js'));
  expect(scripts).toHaveLength(1);
  const code = await readFile(join(assets, scripts[0] ?? ''), 'utf8');
  expect(code).not.toMatch(/sqlite|from ?["']node:|import\(["']node:/);
});

test('a page streams a task on the memory store, pauses it and goes on', async () => {
  await browser.visit(server.address);
  await until(async () => expect((await lines()).at(-1)).toMatch(/^assistant: Before I say/));
  expect(await status()).toBe('in_progress');
  expect(await lines()).not.toContain('tool: read_thermometer: success');

  await until(async () => expect((await lines()).at(-1)).toMatch(/^assistant: It is 17/));
  await browser.click('#pause');
  await until(async () => expect(await status()).toBe('paused'));
  expect(await lines()).toEqual([
    'system: Working on: When to switch on the heating',
    'assistant: Before I say anything about the heating, I read the thermometer in the hall. ',
    'tool: read_thermometer {"room":"hall"}',
    'tool: read_thermometer: success',
    'system: Paused.',
  ]);

  await browser.click('#resume');
  await until(async () => expect((await lines()).at(-1)).toMatch(/^assistant: It is 17 .* the hall/));
  expect(await status()).toBe('in_progress');
  await until(async () => expect(await status()).toBe('completed'));
  const all = await lines();
  expect(all.at(-1)).toMatch(/^assistant: It is 17 degrees .* only after that\.$/);
  expect(all.filter((line) => line.startsWith('tool: '))).toHaveLength(2);
  expect(await browser.console()).toEqual([]);
});
