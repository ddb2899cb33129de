import type { Locator, Page } from 'playwright-core';
import { expect, vi } from 'vitest';

/** The page of a task, as a person uses it. */
export class TaskPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  get streaming(): Locator {
    return this.page.locator('[data-streaming="true"]');
  }

  /** The task's own status, not a message that has the word. */
  async expectStatus(text: string): Promise<void> {
    await this.page.locator('.task-head .status', { hasText: new RegExp(`^${text}$`) }).waitFor();
  }

  /** Texts, calls and lines, in order. */
  async entries(): Promise<string[]> {
    return this.page.locator('.timeline > *').evaluateAll((entries) =>
      entries
        .filter((entry) => !entry.matches('.working, .empty'))
        .map((entry) => {
          const name = entry.querySelector('.tool-name')?.textContent;
          if (name) return `${name}: ${entry.querySelector('.tool-status')?.textContent}`;
          return (entry.querySelector('.prose, .said')?.textContent ?? entry.textContent ?? '').trim();
        }),
    );
  }

  /** Waits until so much of the text under way is there that it is certainly streaming. */
  async untilStreaming(atLeast = 20): Promise<string> {
    return vi.waitFor(
      async () => {
        const text = await this.streaming.locator('.prose').textContent({ timeout: 1_000 });
        expect(text?.length).toBeGreaterThan(atLeast);
        return text ?? '';
      },
      { timeout: 60_000, interval: 50 },
    );
  }

  /** Reads what streams, again and again, until `end`: text only ever grows. */
  async watch(end: () => Promise<boolean>): Promise<string[]> {
    const seen: string[] = [];
    while (!(await end())) {
      const text = await this.streaming
        .locator('.prose')
        .first()
        .textContent({ timeout: 200 })
        .catch(() => null);
      if (text) seen.push(text);
      await this.page.waitForTimeout(30);
    }
    return seen;
  }

  async open(address: string): Promise<void> {
    await this.page.goto(address);
    await this.page.locator('.timeline').waitFor();
  }

  /** Makes the task of the example from the list, and comes to its page. */
  async create(address: string): Promise<void> {
    await this.page.goto(address);
    await this.button('New task').click();
    await this.button('Use the example').click();
    await this.button('Create task').click();
    await this.button('Start').waitFor();
  }

  async answer(choice: string): Promise<void> {
    const form = this.page.getByRole('form', { name: 'Question' });
    await form.getByLabel(choice, { exact: true }).check();
    await form.getByRole('button', { name: 'Answer' }).click();
    await form.waitFor({ state: 'detached' });
  }
}

/** The whole task of the example, when everything was said once and in order. */
export const wholeStory = (choice?: string) => [
  /^Working on: Search the archive/,
  /^I look into the archive/,
  /^Search archive: done$/,
  /^There are two pieces/,
  /^Working on: Ask the editor/,
  /^Before I write a line/,
  /^Ask editor: done$/,
  choice === undefined ? /^Understood/ : new RegExp(choice),
  /^Working on: Write the newsletter/,
  /^The harbour, slowly.*we will ask again\.$/s,
  /^Working on: Send it/,
  /^The newsletter is ready/,
  /^Send newsletter: done$/,
  /^That was the last step/,
];
