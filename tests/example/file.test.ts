import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  desktop,
  expectAccessible,
  expectToFit,
  openBrowser,
  openPage,
  phone,
  picture,
  shiftsOf,
} from './browser.js';
import { TaskPage, wholeStory } from './page.js';
import { Instance, startModel } from './servers.js';

let browser: Browser;
let instance: Instance;
let model: Awaited<ReturnType<typeof startModel>>;
let folder: string;
const windows: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'example-'));
  model = await startModel(40);
  browser = await openBrowser();
  instance = await Instance.start({ TASKS_FILE: join(folder, 'tasks.sqlite'), BEDROCK_ENDPOINT: model.url });
});

afterEach(async () => {
  for (const window of windows.splice(0)) await window.close();
});

afterAll(async () => {
  await browser?.close();
  await instance?.stop();
  model?.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(options: Parameters<typeof openPage>[1]) {
  const window = await openPage(browser, options);
  windows.push(window.context);
  return { ...window, task: new TaskPage(window.page) };
}

describe('the example on a file', () => {
  test('a task is made, watched, read again in mid-stream, paused, resumed in a second tab, and goes on to its end', async () => {
    const { page, context, task, complaints } = await open({ viewport: desktop, calm: false });
    await page.goto(instance.address);
    await page.locator('.empty').waitFor();
    await picture(page, '01-nothing-yet');
    await expectAccessible(page, 'the empty list');
    await task.button('New task').click();
    await expectAccessible(page, 'the form');
    await picture(page, '02-new-task');
    await task.create(instance.address);
    await expectAccessible(page, 'a new task');
    await picture(page, '03-not-started');

    // With the keyboard alone.
    await task.button('Start').focus();
    await page.keyboard.press('Enter');
    await task.expectStatus('In progress');
    await page.getByText('Search the archive for the harbour, under way').waitFor();
    await task.untilStreaming();
    await picture(page, '04-streaming');

    // Read again in mid-stream: what was said is there, and more comes.
    await page.getByRole('form', { name: 'Question' }).waitFor();
    await picture(page, '05-question');
    await expectAccessible(page, 'a question');
    await task.answer('Calm');
    await page.getByText('yellow cranes').waitFor();
    const before = await task.untilStreaming(80);
    await page.reload();
    const after = await task.untilStreaming(80);
    expect(after.startsWith(before.slice(0, 60))).toBe(true);

    await task.button('Pause').click();
    await task.expectStatus('Paused');
    await task.button('Resume').waitFor();
    await picture(page, '06-paused');
    await expectAccessible(page, 'a paused task');
    expect(await task.streaming.count()).toBe(0);

    const second = new TaskPage(await context.newPage());
    await second.open(page.url());
    await second.button('Resume').click();
    await task.expectStatus('In progress');
    await task.untilStreaming();

    const approval = page.getByRole('form', { name: 'Approval of Send newsletter' });
    await approval.waitFor();
    await picture(page, '07-approval');
    await expectAccessible(page, 'an approval');
    await approval.getByRole('button', { name: 'Approve' }).click();
    await task.expectStatus('Completed');
    await second.expectStatus('Completed');
    await page.locator('.tool summary').last().click();
    await page.getByText(/^Sent “The harbour, slowly” to 4210 readers/).waitFor();
    await picture(page, '08-completed');
    await expectAccessible(page, 'a completed task');

    const story = (await task.entries()).filter((entry) => entry !== 'Paused.');
    expect(story).toEqual(wholeStory().map((line) => expect.stringMatching(line)));
    expect((await second.entries()).filter((entry) => entry !== 'Paused.')).toEqual(story);

    await page.goto(instance.address);
    await page.locator('.tasks a').first().waitFor();
    await picture(page, '09-list');
    await expectAccessible(page, 'the list');
    expect(complaints).toEqual([]);
  });

  test.each([
    ['a phone, in the dark', phone, true],
    ['a desktop', desktop, false],
  ])(
    'nothing moves by itself while text streams on %s, and a task can be stopped',
    async (_where, viewport, dark) => {
      const { page, task, complaints } = await open({ viewport, dark });
      const name = dark ? 'phone' : 'desktop';
      await task.create(instance.address);
      await expectToFit(page);
      await task.button('Start').click();
      await task.untilStreaming();
      await shiftsOf(page);
      const form = page.getByRole('form', { name: 'Question' });
      await form.waitFor();
      await picture(page, `10-${name}-question`);
      await expectAccessible(page, `a question on ${name}`);
      await task.answer('Cheerful');

      // Sent while it is at work; the model hears it.
      await page.getByLabel('Message to the model').fill('Mind the ferry.');
      await page.keyboard.press('Enter');
      await page.locator('.said', { hasText: 'Mind the ferry.' }).waitFor();
      await page.getByText('yellow cranes').waitFor();
      await shiftsOf(page);
      const seen = await task.watch(async () => (await page.getByText('story from the docks').count()) > 0);
      for (const [index, text] of seen.slice(1).entries())
        expect(text.length).toBeGreaterThanOrEqual(seen[index]?.length ?? 0);
      expect(seen.length).toBeGreaterThan(3);
      expect(await shiftsOf(page)).toEqual([]);
      await picture(page, `11-${name}-streaming`);
      await expectToFit(page);

      await page.getByRole('form', { name: /^Approval/ }).waitFor();
      await picture(page, `12-${name}-approval`);
      await expectAccessible(page, `an approval on ${name}`);
      await expectToFit(page);
      await task.button('Stop').click();
      await task.expectStatus('Stopped');
      await vi.waitFor(async () => expect(await task.button('Stop').count()).toBe(0));
      await picture(page, `13-${name}-stopped`);
      if (dark) {
        await task.button('Plan').click();
        await picture(page, `14-${name}-plan`);
        await expectAccessible(page, 'the plan on a phone');
        await page.goto(instance.address);
        await page.locator('.tasks a').first().waitFor();
        await picture(page, `15-${name}-list`);
        await expectAccessible(page, 'the list on a phone');
        await expectToFit(page);
      }
      expect(complaints).toEqual([]);
    },
  );

  test('screen readers are told what matters, and no piece of text', async () => {
    const { page, task } = await open({ viewport: desktop });
    await task.create(instance.address);
    await page.evaluate(() => {
      const said: string[] = [];
      Object.assign(globalThis, { said });
      const region = document.querySelector('[role="status"]') as Element;
      new MutationObserver(() => said.push(region.textContent ?? '')).observe(region, {
        childList: true,
        characterData: true,
        subtree: true,
      });
    });
    await task.button('Start').click();
    await page.getByRole('form', { name: 'Question' }).waitFor();
    await vi.waitFor(async () => {
      const said = await page.evaluate(() => (globalThis as any).said as string[]);
      expect(said).toContain('Ask editor waits for you.');
      expect(said).toContain('In progress.');
      expect(said.length).toBeLessThan(8);
    });
    await task.button('Stop').click();
    await task.expectStatus('Stopped');
  });

  test('an address without a task says so', async () => {
    const { page } = await open({ viewport: desktop });
    const response = await page.goto(`${instance.address}/tasks/none`);
    expect(response?.status()).toBe(404);
    await page.getByRole('heading', { name: 'There is no such task' }).waitFor();
    await expectAccessible(page, 'a missing task');
    await picture(page, '16-no-such-task');
  });
});
