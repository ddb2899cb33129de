/** Whether what came of commands from elsewhere is what the engine promises. */
import type { Given } from './commander.js';
import type { Check } from './evidence.js';
import { factsOf, wrong } from './journal.js';
import { type Command, commandBoundMs, slackMs } from './numbers.js';

/** What each command may be refused with; all of them where the store was not to be had, or their process died. */
const refusals: Record<Command, string[]> = {
  pause: [],
  stop: [],
  start: ['LEASE_HELD', 'INVALID_TRANSITION', 'CRASH_LOOP'],
  resume: ['LEASE_HELD', 'INVALID_TRANSITION', 'CRASH_LOOP'],
  send: ['INVALID_TRANSITION'],
  approve: ['ALREADY_DECIDED'],
  reject: ['ALREADY_DECIDED'],
  answer: ['ALREADY_DECIDED'],
  state: [],
};
const always = ['STORE_UNAVAILABLE', 'killed'];

const nameOf = ({ command, args, code }: Given) =>
  `${command}(${args.join(', ')}), ${code === undefined ? 'settled well' : `refused with ${code}`},`;

const settled: Check = ({ given }) =>
  given.flatMap((one) => {
    const { command, code, message, ms } = one;
    const late = code === 'unsettled' || ms > commandBoundMs + slackMs;
    const expected = code === undefined || [...always, ...refusals[command]].includes(code);
    return [
      ...wrong(late, `${nameOf(one)} after ${ms} ms`),
      ...wrong(!late && !expected, `${nameOf(one)} for ${message}`),
    ];
  });

const quiet: Check = ({ quiets, effects }) =>
  quiets.flatMap(({ command, from, until, breaches }) => [
    ...breaches.map((breach) => `${command}: ${breach}`),
    ...effects
      .filter(({ what, began = 0 }) => what !== 'stored' && began > from && began < until)
      .map(
        (e) =>
          `${command} had settled ${(e.began ?? 0) - from} ms before ${e.worker} ${e.what} ${e.toolCallId}`,
      ),
  ]);

const received: Check = ({ given, journal, messages }) =>
  given
    .filter(({ command }) => command === 'send')
    .flatMap((one) => {
      const [text] = one.args as [string];
      const inJournal = journal
        .flatMap((entry) => factsOf(entry, 'received'))
        .filter((fact) => fact.text === text).length;
      const told = messages.flatMap(({ content }) => content).filter((block) => block?.text === text).length;
      const right =
        one.code === undefined ? inJournal === 1 : inJournal <= (one.code === 'INVALID_TRANSITION' ? 0 : 1);
      return wrong(
        !right || told !== inJournal,
        `${nameOf(one)} is ${inJournal} times in the journal and was told ${told} times`,
      );
    });

const decided: Check = ({ given, journal }) => {
  const decisions = journal.flatMap((entry) => factsOf(entry, 'decided'));
  const well = given.filter(
    ({ command, code }) => code === undefined && ['approve', 'reject', 'answer'].includes(command),
  );
  return [
    ...well.flatMap((one) => {
      const of = decisions.filter(({ toolCallId }) => toolCallId === one.args[0]);
      const right = of.length === 1 && of[0].decision.decision === one.command;
      return wrong(!right, `${nameOf(one)} but the journal has ${JSON.stringify(of)}`);
    }),
    ...well
      .filter((one, i) => well.some((other, j) => j < i && other.args[0] === one.args[0]))
      .map((one) => `${nameOf(one)} after another decision had settled well`),
  ];
};

/** By the sentence that a test is named after. */
export const commandChecks: Record<string, Check> = {
  'every command from elsewhere settled within its bound, and was refused for a good reason alone': settled,
  'pauses and stops that settled well are in the journal, and nothing started before somebody resumed': quiet,
  'messages that were sent well were received once, and what was refused was not': received,
  'decisions that settled well are journaled, one a call': decided,
};
