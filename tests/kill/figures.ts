/** The campaign in figures, for people. */
import type { Campaign } from './campaign.js';
import type { Evidence } from './evidence.js';
import { commands, faults, phases, stopKinds, storeKinds } from './numbers.js';
import { seen } from './seen.js';

export function figures(campaign: Campaign, evidence: Evidence[]): string {
  const { kills, stops, late, outcomes, proxy, workers, random, seconds } = campaign;
  const sum = (of: (one: Evidence) => number) => evidence.reduce((total, one) => total + of(one), 0);
  const all = [...kills.values()].reduce((a, b) => a + b, 0);
  const row = (what: string, times: number) =>
    `  ${what.padEnd(30)} ${String(times).padStart(4)} ${'█'.repeat(times)}`;
  const bars = (of: readonly string[], tally: { of(what: string): number }) =>
    of.flatMap((kind) =>
      [...phases, 'in between'].map((phase) => row(`${kind}, ${phase}`, tally.of(`${kind}, ${phase}`))),
    );
  const disturbed = faults.map((fault) => {
    const { commit, other } = proxy.counts[fault];
    return `  ${fault.padEnd(15)} ${String(commit + other).padStart(4)}, ${commit} of them during a commit`;
  });
  const begun = sum(({ effects }) => effects.filter(({ what }) => what === 'begin').length);
  const given = evidence.flatMap((one) => one.given);
  const settled = commands.map((command) => {
    const of = given.filter((one) => one.command === command);
    const well = of.filter(({ code }) => code === undefined);
    const refused = [...new Set(of.flatMap(({ code }) => code ?? []))].map(
      (code) => `${code} ${of.filter((one) => one.code === code).length}`,
    );
    const slowest = Math.max(0, ...of.map(({ ms }) => ms));
    return `  ${command.padEnd(8)} ${String(well.length).padStart(4)} well, ${refused.join(', ') || 'none refused'}; at most ${slowest} ms`;
  });
  return [
    `seed ${random.seed}, ${seconds.toFixed(0)} s, ${evidence.length} tasks, workers: ${[...workers].map(([kind, times]) => `${times} over ${kind}`).join(', ')}`,
    `${all} kills`,
    ...bars(storeKinds, kills),
    'stops of longer than the lease',
    ...bars(stopKinds, stops),
    `${proxy.calls.commit} commits and ${proxy.calls.other} other calls over REST, disturbed:`,
    ...disturbed,
    `  gRPC            ${proxy.grpc.delay} pieces delayed, ${proxy.grpc.cut} connections cut`,
    `commits that came after the death of their sender: ${late.landed} landed, ${late.refused} refused`,
    'commands from elsewhere',
    ...settled,
    `${sum(({ quiets }) => quiets.length)} pauses and stops looked at afterwards`,
    `${sum(({ journal }) => journal.length)} journal entries in ${sum(({ journal }) => journal.at(-1)?.epoch ?? 0)} epochs`,
    `${sum(({ results }) => results.length)} results of ${begun} executions`,
    ...Object.entries(seen(campaign, evidence)).map(([what, times]) => `${what}: ${times}`),
    `runs ended: ${[...outcomes].map(([what, times]) => `${what} ${times}`).join(', ')}`,
  ].join('\n');
}
