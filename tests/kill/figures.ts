/** The campaign in figures, for people. */
import type { Campaign } from './campaign.js';
import type { Evidence } from './evidence.js';
import { faults, phases } from './numbers.js';

export function figures(campaign: Campaign, evidence: Evidence[]): string {
  const { kills, late, outcomes, proxy, workers, random, seconds } = campaign;
  const sum = (of: (one: Evidence) => number) => evidence.reduce((total, one) => total + of(one), 0);
  const all = Object.values(kills).reduce((a, b) => a + b);
  const bars = [...phases, 'in between' as const].map(
    (phase) => `  ${phase.padEnd(15)} ${String(kills[phase]).padStart(4)} ${'█'.repeat(kills[phase])}`,
  );
  const disturbed = faults.map((fault) => {
    const { commit, other } = proxy.counts[fault];
    return `  ${fault.padEnd(15)} ${String(commit + other).padStart(4)}, ${commit} of them during a commit`;
  });
  const begun = sum(({ effects }) => effects.filter(({ what }) => what === 'begin').length);
  return [
    `seed ${random.seed}, ${seconds.toFixed(0)} s, ${evidence.length} tasks, ${workers.rest} workers over REST, ${workers.sdk} over gRPC`,
    `${all} kills`,
    ...bars,
    `${proxy.calls.commit} commits and ${proxy.calls.other} other calls over REST, disturbed:`,
    ...disturbed,
    `  gRPC            ${proxy.grpc.delay} pieces delayed, ${proxy.grpc.cut} connections cut`,
    `commits that came after the death of their sender: ${late.landed} landed, ${late.refused} refused`,
    `${sum(({ journal }) => journal.length)} journal entries in ${sum(({ journal }) => journal.at(-1)?.epoch ?? 0)} epochs`,
    `${sum(({ results }) => results.length)} results of ${begun} executions, ${sum(({ results }) => results.filter(({ unknown }) => unknown).length)} unknown and reported`,
    `runs ended: ${[...outcomes].map(([what, times]) => `${what} ${times}`).join(', ')}`,
  ].join('\n');
}
