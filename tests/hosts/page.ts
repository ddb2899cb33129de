import { expect, vi } from 'vitest';
import type { Told } from './journey.js';
import type { Browser } from './webdriver.js';

/** Opens a page afresh in which the engine runs, and waits for what it tells. */
export async function journeyPage(browser: Browser, url: string): Promise<Told> {
  await browser.visit('about:blank');
  await browser.console();
  await browser.visit(url);
  const told = await vi.waitFor(
    async () => {
      const text = await browser.evaluate("document.getElementById('told').textContent");
      expect(text).not.toBe('');
      return text as string;
    },
    { timeout: 30_000, interval: 50 },
  );
  const complaints = (await browser.console()).filter(({ level }) => /SEVERE|WARNING/.test(level));
  expect(complaints).toEqual([]);
  return JSON.parse(told);
}
