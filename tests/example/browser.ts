import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { root } from '../package/pack.js';

const pictures = join(root, 'tests/example/screenshots');
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const phone = { width: 360, height: 740 };
export const desktop = { width: 1_280, height: 800 };

/** Starts the Chromium that CHROMIUM names, or the one on the machine. */
export function openBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  return chromium.launch({ executablePath, args }).catch((cause) => {
    const how = 'Install it, for example: sudo apt-get install chromium';
    throw new Error(
      `The tests of the example need Chromium, and ${executablePath} cannot be started. ${how}`,
      { cause },
    );
  });
}

/** A window of its own, which keeps what goes wrong in its pages and how much they shift. */
export async function openPage(
  browser: Browser,
  options: { viewport: typeof phone; dark?: boolean; calm?: boolean },
): Promise<{ page: Page; context: BrowserContext; complaints: string[] }> {
  const context = await browser.newContext({
    viewport: options.viewport,
    colorScheme: options.dark ? 'dark' : 'light',
    reducedMotion: options.calm === false ? 'no-preference' : 'reduce',
    deviceScaleFactor: 1,
  });
  context.setDefaultTimeout(60_000);
  await context.addInitScript(() => {
    const shifts: { value: number; at: number; what: string }[] = [];
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as any[]) {
        if (entry.hadRecentInput) continue;
        const what = entry.sources.map(({ node }: any) => node?.className ?? node?.nodeName ?? '?').join(' ');
        shifts.push({ value: entry.value, at: entry.startTime, what });
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    // A connection that breaks is said by the browser, and is what some tests are about.
    const isOfNetwork = /Failed to load resource|net::ERR_/.test(message.text());
    if (message.type() === 'error' && !isOfNetwork) complaints.push(message.text());
  });
  return { page, context, complaints };
}

/** How much the page has shifted by itself since it was asked last. */
export async function shiftsOf(page: Page): Promise<{ value: number; what: string }[]> {
  return page.evaluate(() => (globalThis as any).shifts.splice(0));
}

/** Keeps a picture. */
export async function picture(page: Page, name: string): Promise<void> {
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), animations: 'disabled', caret: 'hide' });
}

/** Has axe look at the page: nothing may be wrong with it. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    (globalThis as any).axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  const found = violations.map(
    ({ id, nodes }: { id: string; nodes: { html: string; failureSummary: string }[] }) =>
      `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`,
  );
  expect(found, what).toEqual([]);
}

/** Nothing is wider than the window. */
export async function expectToFit(page: Page): Promise<void> {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(content).toBeLessThanOrEqual(window as number);
}
