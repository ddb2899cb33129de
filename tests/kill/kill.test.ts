import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Campaign } from './campaign.js';
import { checks, type Evidence } from './evidence.js';
import { figures } from './figures.js';
import {
  campaignMs,
  commands,
  faults,
  killsInEach,
  phases,
  seenAtLeast,
  stopKinds,
  stopsInEach,
  storeKinds,
} from './numbers.js';
import { seen } from './seen.js';

const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 32));
const campaign = new Campaign(seed);
const evidence: Evidence[] = [];
let clean = false;

beforeAll(async () => {
  await campaign.run();
  const effects = await campaign.effectLog();
  for (const task of campaign.tasks) {
    const { taskId, store, facts, troubles, hunter, people } = task;
    const stored = store.engine.persistence(taskId, campaign.userId);
    evidence.push({
      taskId,
      kind: store.kind,
      task: await stored.load(),
      journal: await task.journal(),
      thread: await stored.taskMessages({ limit: 10_000 }),
      results: await stored.toolResults(),
      messages: await stored.apiMessages(),
      effects: effects.filter((effect) => effect.taskId === taskId),
      facts,
      stops: hunter.stops,
      given: people.given,
      quiets: people.quiets,
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

describe('tasks whose workers were killed and stopped, two at once, over a network that loses and cuts', () => {
  test.each(storeKinds.flatMap((kind) => phases.map((phase) => [kind, phase] as const)))(
    'were killed often enough on %s, while %s',
    (kind, phase) => {
      expect(campaign.kills.of(`${kind}, ${phase}`)).toBeGreaterThanOrEqual(killsInEach[kind]);
    },
  );

  test.each(stopKinds.flatMap((kind) => phases.map((phase) => [kind, phase] as const)))(
    'were stopped often enough %s, while %s',
    (kind, phase) => {
      expect(campaign.stops.of(`${kind}, ${phase}`)).toBeGreaterThanOrEqual(stopsInEach[kind]);
    },
  );

  test.each(faults)('met the network’s %s often enough, a third during commits', (fault) => {
    expect(campaign.shortOfFaults()).not.toContain(fault);
  });

  test.each(commands)('were given %s from elsewhere often enough, and it settled well', (command) => {
    expect(campaign.shortOfCommands()).not.toContain(command);
  });

  for (const [what, least] of Object.entries(seenAtLeast)) {
    test(`showed enough ${what}`, () => {
      expect(seen(campaign, evidence)[what as keyof typeof seenAtLeast]).toBeGreaterThanOrEqual(least);
    });
  }

  test('were parked in a crash loop and resumed', () => {
    expect(campaign.outcomes.of('failed CRASH_LOOP')).toBeGreaterThan(0);
  });

  test.each(Object.entries(checks))('%s', (_, check) => {
    expect(evidence.length).toBeGreaterThan(0);
    expect(evidence.flatMap((one) => check(one).map((what) => `${one.taskId}: ${what}`))).toEqual([]);
  });
});
