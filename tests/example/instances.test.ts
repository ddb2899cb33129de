import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject, test, vi } from 'vitest';
import { desktop, openBrowser, openPage, picture } from './browser.js';
import { TaskPage, wholeStory } from './page.js';
import { Front, Instance, startModel } from './servers.js';

let browser: Browser;
let model: Awaited<ReturnType<typeof startModel>>;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  model = await startModel(60);
  browser = await openBrowser();
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

afterAll(async () => {
  await browser?.close();
  model?.close();
});

/** Two instances of the app on one Firestore, and one address in front of them. */
async function deployed(project: string) {
  const env = {
    FIRESTORE_PROJECT: project,
    FIRESTORE_EMULATOR_HOST: inject('firestore'),
    METADATA_SERVER_DETECTION: 'none',
    BEDROCK_ENDPOINT: model.url,
    LEASE_TTL_MS: '6000',
  };
  const instances = await Promise.all([Instance.start(env), Instance.start(env)]);
  closing.push(...instances.map((instance) => () => instance.stop()));
  const [first, second] = instances as [Instance, Instance];
  const front = await Front.before(first);
  closing.push(() => front.close());
  const { page, context, complaints } = await openPage(browser, { viewport: desktop });
  closing.push(() => context.close());
  return { first, second, front, page, complaints, task: new TaskPage(page) };
}

test('a page goes from the instance that runs the task to another, and sees the text live on both', async () => {
  const { first, second, front, page, task, complaints } = await deployed('two-instances');
  await task.create(front.address);
  await task.button('Start').click();
  await page.getByRole('form', { name: 'Question' }).waitFor();
  front.turnTo(second);
  // The answer goes to the other instance; the first one goes on with the task.
  await task.answer('Calm');
  const seen = await task.watch(async () => (await page.getByText('story from the docks').count()) > 0);
  const newsletter = seen.filter((text) => text.includes('cranes'));
  // Text came while the turn was under way on the other instance, and grew.
  expect(newsletter.length).toBeGreaterThan(1);
  expect(new Set(newsletter).size).toBeGreaterThan(1);
  await picture(page, '20-other-instance');
  front.turnTo(first);
  await page
    .getByRole('form', { name: /^Approval/ })
    .getByRole('button', { name: 'Approve' })
    .click();
  await task.expectStatus('Completed');
  expect(await task.entries()).toEqual(wholeStory().map((line) => expect.stringMatching(line)));
  expect(complaints).toEqual([]);
});

test('the instance that runs the task is killed, the other takes it up by the sweep, and the page has no gap', async () => {
  const { first, second, front, page, task, complaints } = await deployed('killed-instance');
  await task.create(front.address);
  await task.button('Start').click();
  await task.answer('Calm');
  await page.getByText('yellow cranes').waitFor();
  await first.kill();
  front.turnTo(second);
  await picture(page, '21-killed');
  // What was said stays on the page while nobody runs the task.
  expect(await page.getByText('yellow cranes').count()).toBe(1);
  // What a timer would do every minute. The lease of the dead one has to run out first.
  await vi.waitFor(async () => expect(await second.sweep()).toBeGreaterThan(0), {
    timeout: 90_000,
    interval: 1_000,
  });
  await page
    .getByRole('form', { name: /^Approval/ })
    .getByRole('button', { name: 'Approve' })
    .click();
  await task.expectStatus('Completed');
  await picture(page, '22-taken-up');
  const story = await task.entries();
  expect(story).toEqual(wholeStory().map((line) => expect.stringMatching(line)));
  await page.reload();
  await task.expectStatus('Completed');
  await vi.waitFor(async () => expect(await task.entries()).toEqual(story));
  expect(complaints).toEqual([]);
});
