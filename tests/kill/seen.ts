/** What has to have happened for the checks to say anything. */
import type { Campaign } from './campaign.js';
import type { Evidence } from './evidence.js';
import type { seenAtLeast } from './numbers.js';

export function seen({ late }: Campaign, evidence: Evidence[]): Record<keyof typeof seenAtLeast, number> {
  const count = (of: (one: Evidence) => unknown[]) => evidence.flatMap(of).length;
  return {
    'facts announced': count(({ facts }) => facts),
    'results announced as stored': count(({ effects }) => effects.filter(({ what }) => what === 'stored')),
    'unknown outcomes': count(({ results }) => results.filter(({ unknown }) => unknown)),
    'commits later than their sender’s death': late.landed + late.refused,
    'leases taken over from a stopped process': count(({ stops }) =>
      stops.filter(({ kind, epochs: [before, after] }) => kind === 'with a rival' && after > before),
    ),
    // under the epoch that they had, and what was on its way does not count
    'runs that went on after a stop': count(({ stops, journal }) =>
      stops.filter(
        ({ kind, epochs: [before, after], wentOnAt }) =>
          kind === 'alone' &&
          after === before &&
          journal.some(({ epoch, at }) => epoch === before && Date.parse(at) > wentOnAt),
      ),
    ),
  };
}
