/** What has to have happened for the checks to say anything. */
import type { Campaign } from './campaign.js';
import type { Evidence } from './evidence.js';
import type { seenAtLeast } from './numbers.js';

export function seen(
  { late, outcomes }: Campaign,
  evidence: Evidence[],
): Record<keyof typeof seenAtLeast, number> {
  const count = (of: (one: Evidence) => unknown[]) => evidence.flatMap(of).length;
  return {
    'facts announced': count(({ facts }) => facts),
    'results announced as stored': count(({ effects }) => effects.filter(({ what }) => what === 'stored')),
    'unknown outcomes': count(({ results }) => results.filter(({ unknown }) => unknown)),
    'commits later than their sender’s death': late.landed + late.refused,
    'runs that were superseded': outcomes.of('superseded'),
    'leases taken over from a stopped process': count(({ stops }) =>
      stops.filter(({ kind, epochs: [before, after] }) => kind === 'with a rival' && after > before),
    ),
    // under the epoch that they had: P11
    'runs that went on after a stop': count(({ stops, facts }) =>
      stops.filter(({ kind, worker, epochs: [before, after], wentOnAt }) => {
        const goesOn = facts.some((f) => f.worker === worker && f.epoch === before && f.at > wentOnAt);
        return kind === 'alone' && after === before && goesOn;
      }),
    ),
  };
}
