import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Campaign } from './campaign.js';
import { checks, type Evidence } from './evidence.js';
import { figures } from './figures.js';
import { campaignMs, faults, killsInEach, phases } from './numbers.js';

const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 32));
const campaign = new Campaign(seed);
const evidence: Evidence[] = [];
let clean = false;

beforeAll(async () => {
  await campaign.run();
  const effects = await campaign.effectLog();
  for (const { taskId, facts, troubles } of campaign.tasks) {
    const stored = campaign.engine.persistence(taskId, campaign.userId);
    const journal = [];
    for await (const entry of stored.journal()) journal.push(entry);
    evidence.push({
      taskId,
      task: await stored.load(),
      journal,
      thread: await stored.taskMessages({ limit: 10_000 }),
      results: await stored.toolResults(),
      effects: effects.filter((effect) => effect.taskId === taskId),
      facts,
      troubles,
    });
  }
  console.log(figures(campaign, evidence));
  clean = evidence.every((one) => Object.values(checks).every((check) => check(one).length === 0));
  for (const one of evidence) {
    writeFileSync(join(campaign.folder, `${one.taskId}.json`), JSON.stringify(one, null, 1));
  }
}, campaignMs.end + 90_000);

afterAll(async () => {
  await campaign.close();
  if (clean) {
    rmSync(campaign.folder, { recursive: true });
  } else {
    console.error(`KILL_SEED=${seed}; journals, threads and the effect log are in ${campaign.folder}`);
  }
});

describe('tasks whose workers were killed, two at once, over a network that loses and cuts', () => {
  test.each(phases)('were struck often enough while %s', (phase) => {
    expect(campaign.kills[phase]).toBeGreaterThanOrEqual(killsInEach);
  });

  test.each(faults)('met the network’s %s often enough, a third during commits', (fault) => {
    expect(campaign.shortOfFaults()).not.toContain(fault);
  });

  test('were parked in a crash loop and resumed', () => {
    expect(campaign.outcomes.get('failed CRASH_LOOP')).toBeGreaterThan(0);
  });

  test.each(Object.entries(checks))('%s', (_, check) => {
    expect(evidence.length).toBeGreaterThan(0);
    expect(evidence.flatMap((one) => check(one).map((what) => `${one.taskId}: ${what}`))).toEqual([]);
  });
});
