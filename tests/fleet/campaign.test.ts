import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checks, type Evidence } from '../kill/evidence.js';
import { FleetCampaign, type Numbers, quantile } from './campaign.js';

/** `FLEET_LONG=1`: what the stage stands for, for a machine that has nothing else to do. */
const long = process.env.FLEET_LONG === '1';
const numbers: Numbers = long
  ? {
      workers: 3,
      tasks: 200,
      users: 20,
      kills: 60,
      restarts: 5,
      stops: 1,
      peace: { least: 20, most: 60 },
      leaseTtlMs: 5_000,
      everyS: 1,
    }
  : {
      workers: 3,
      tasks: 12,
      users: 4,
      kills: 6,
      restarts: 1,
      stops: 1,
      peace: { least: 8, most: 20 },
      leaseTtlMs: 2_000,
      everyS: 0.2,
    };
/** Nothing is judged by time: what stands still is given up, and this is far behind all that moves. */
const mostMs = (long ? 180 : 20) * 60_000;
const seed = Number(process.env.FLEET_SEED ?? Math.floor(Math.random() * 2 ** 32));

describe.each(['work', 'restate'] as const)('tasks on workers that are killed, by %s', (kind) => {
  const campaign = new FleetCampaign(kind, numbers, seed);
  let evidence: Evidence[] = [];

  beforeAll(async () => {
    evidence = await campaign.run();
    const recoveries = campaign.recoveries(evidence);
    const unknown = evidence.flatMap(({ results }) => results.filter((result) => result.unknown)).length;
    console.log(
      [
        `${kind}: seed ${campaign.seed}, ${campaign.seconds.toFixed(0)} s, ${evidence.length} tasks on ${numbers.workers} workers`,
        `${campaign.kills.length} kills, ${campaign.stops.length} stops, ${campaign.restarts} restarts of Restate's server`,
        `${evidence.reduce((sum, { journal }) => sum + journal.length, 0)} journal entries, ${unknown} unknown outcomes, ${campaign.people.helped} resumed by a person`,
        `recovery after a kill, with a lease of ${campaign.leaseTtlMs} ms: p50 ${quantile(recoveries, 0.5)} ms, p95 ${quantile(recoveries, 0.95)} ms, of ${recoveries.length}`,
        campaign.troubles(),
      ].join('\n'),
    );
  }, mostMs);
  afterAll(() => campaign.close());

  test('were disturbed enough', () => {
    expect(campaign.kills.length).toBeGreaterThanOrEqual(numbers.kills);
    expect(campaign.stops.length).toBeGreaterThanOrEqual(numbers.stops);
    if (kind === 'restate') expect(campaign.restarts).toBeGreaterThanOrEqual(numbers.restarts);
    expect(campaign.recoveries(evidence).length).toBeGreaterThan(0);
  });

  test('had somebody in charge all the time', () => {
    expect(campaign.people.unsupervised).toEqual([]);
    expect(campaign.people.left).toEqual([]);
  });

  test.each(Object.entries(checks))('%s', (_, check) => {
    expect(evidence.length).toBe(numbers.tasks);
    expect(evidence.flatMap((one) => check(one).map((what) => `${one.taskId}: ${what}`))).toEqual([]);
  });
});
