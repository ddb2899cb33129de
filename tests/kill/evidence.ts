/** What is stored of a task after the campaign, and whether it keeps the engine's promises. */
import type { JournalEntry, Message, Task, ThreadMessage, ToolResultRecord } from '../../js/index.js';
import type { Effect } from './campaign.js';
import type { Given } from './commander.js';
import { commandChecks } from './evidence-of-commands.js';
import { factsOf, wrong } from './journal.js';
import type { StoreKind } from './numbers.js';
import type { Quiet } from './people.js';
import type { Fact, Stop } from './worker.js';

export interface Evidence {
  taskId: string;
  kind: StoreKind;
  task: Task;
  journal: JournalEntry[];
  thread: ThreadMessage[];
  results: ToolResultRecord[];
  /** The conversation with the model. */
  messages: Message[];
  effects: Effect[];
  facts: Fact[];
  stops: Stop[];
  given: Given[];
  quiets: Quiet[];
  troubles: string[];
}

/** What is wrong, one sentence each. */
export type Check = (evidence: Evidence) => string[];

const rerunTools = ['sync', 'sync_slowly'];

const finished: Check = ({ task, troubles }) => [
  ...troubles,
  ...wrong(task.status !== 'completed', `the task is ${task.status}`),
  ...Object.values(task.progress.tasks as Record<string, { name: string; status: string }[]>)
    .flat()
    .filter(({ status }) => status !== 'completed')
    .map(({ name, status }) => `${name} is ${status}`),
];

const contiguous: Check = ({ journal }) =>
  journal.flatMap(({ seq }, i) => wrong(seq !== i + 1, `entry ${i + 1} of the journal is ${seq}`));

const oneWriter: Check = ({ journal, facts }) => {
  const writers = new Map<number, string>();
  return [
    ...journal.flatMap(({ seq, epoch }, i) =>
      wrong(epoch < (journal[i - 1]?.epoch ?? 0), `entry ${seq} is of the older epoch ${epoch}`),
    ),
    ...facts.flatMap(({ seq, epoch, worker }) => {
      const writer = writers.get(epoch) ?? worker;
      writers.set(epoch, writer);
      return [
        ...wrong(writer !== worker, `epoch ${epoch} is of ${writer} and of ${worker}`),
        ...wrong(
          journal[seq - 1]?.epoch !== epoch,
          `${worker} announced ${seq} of epoch ${epoch}, which is not stored`,
        ),
      ];
    }),
  ];
};

const oneExecutionOfResult: Check = ({ journal, results, effects }) => {
  const uses = journal.flatMap((entry) => factsOf(entry, 'turn')).flatMap(({ turn }) => usesOf(turn));
  const answered = results.map(({ toolCallId }) => toolCallId);
  const byPerson = answeredByPerson(journal);
  return [
    ...uses.flatMap((id) => {
      const times = answered.filter((other) => other === id).length;
      return wrong(times !== 1, `${id} has ${times} results`);
    }),
    ...wrong(uses.length !== answered.length, `${uses.length} uses have ${answered.length} results`),
    ...results
      .filter(({ toolCallId }) => byPerson.has(toolCallId))
      .flatMap(({ toolCallId }) =>
        wrong(
          effects.some((e) => e.what === 'begin' && e.toolCallId === toolCallId),
          `${toolCallId} was answered by a person, and executed`,
        ),
      ),
    ...results
      .filter(({ toolCallId, unknown }) => !unknown && !byPerson.has(toolCallId))
      .flatMap(({ toolCallId, status, content }) => {
        const nonce = (content[0]?.json as { nonce?: string } | undefined)?.nonce;
        const of = (what: string) => effects.filter((e) => e.what === what && e.nonce === nonce);
        const [begun, ended] = [of('begin'), of('end')];
        const one = nonce !== undefined && begun.length === 1 && ended.length === 1;
        return wrong(
          status !== 'success' || !one || begun[0]?.toolCallId !== toolCallId,
          `the result of ${toolCallId} (${JSON.stringify(content)}) belongs to ${begun.length} executions`,
        );
      }),
  ];
};

/** Calls whose result is what a person said of them. */
function answeredByPerson(journal: JournalEntry[]): Set<string> {
  return new Set(
    journal
      .flatMap((entry) => factsOf(entry, 'decided'))
      .filter(({ decision }) => decision.decision !== 'approve')
      .map(({ toolCallId }) => toolCallId),
  );
}

/** When the worker did it: what a stopped process has begun is told when it goes on. */
const whenOf = ({ began, at }: Effect): number => began ?? at;

const notAgainOnceStored: Check = ({ journal, results, effects }) =>
  results.flatMap(({ toolCallId, unknown, content }) => {
    if (answeredByPerson(journal).has(toolCallId)) return [];
    const of = effects.filter((effect) => effect.toolCallId === toolCallId);
    const stored = Math.min(...of.filter(({ what }) => what === 'stored').map(whenOf));
    const begun = of.filter(({ what }) => what === 'begin').sort((a, b) => whenOf(a) - whenOf(b));
    const nonce = (content[0]?.json as { nonce?: string } | undefined)?.nonce;
    return [
      ...wrong(
        begun.some((begin) => whenOf(begin) > stored),
        `${toolCallId} was executed after its result was announced`,
      ),
      ...wrong(
        !unknown && begun.at(-1)?.nonce !== nonce,
        `${toolCallId} was executed after the execution whose result is stored`,
      ),
    ];
  });

const unknownReported: Check = ({ results, effects, thread }) =>
  results.flatMap(({ toolCallId, name, unknown }) => {
    const begun = effects.filter((e) => e.what === 'begin' && e.toolCallId === toolCallId).length;
    const lines = thread.filter(
      ({ role, content }) => role === 'system' && content.includes(`(${toolCallId}) is not known`),
    );
    const rerun = rerunTools.includes(name);
    return [
      ...wrong(
        lines.length !== (unknown ? 1 : 0),
        `${lines.length} lines of the thread say that ${toolCallId} is unknown`,
      ),
      ...wrong(rerun && unknown === true, `${toolCallId} may be run again, and was not`),
      ...wrong(!rerun && begun > 1, `${toolCallId} must not be run again, and was begun ${begun} times`),
    ];
  });

const threadIsJournal: Check = ({ journal, thread }) => {
  const said = journal.flatMap((entry) => factsOf(entry, 'turn')).map(({ turn }) => textOf(turn));
  const shown = thread.filter(({ role }) => role === 'assistant').map(({ content }) => content);
  return [
    ...wrong(
      JSON.stringify(said) !== JSON.stringify(shown),
      `the thread says ${shown.length} texts, the journal ${said.length}`,
    ),
    ...wrong(
      new Set(thread.map(({ id }) => id)).size !== thread.length,
      'a message of the thread is there twice',
    ),
  ];
};

/** Turns are stored with their text once, in their content. */
function textOf({
  content,
  text,
  rest = '',
}: {
  content: { text?: string }[];
  text?: string;
  rest?: string;
}): string {
  return text ?? content.map((block) => block.text ?? '').join('') + rest;
}

function usesOf({ uses }: { uses: { id: string }[] }): string[] {
  return uses.map(({ id }) => id);
}

/** By the sentence that a test is named after. */
export const checks: Record<string, Check> = {
  'every task was completed, with every item': finished,
  'the journal has every number once': contiguous,
  'one worker an epoch wrote, never one of an older epoch, and what it announced is stored': oneWriter,
  'every use has one result, which belongs to exactly one execution': oneExecutionOfResult,
  'no call was executed again once its result was stored': notAgainOnceStored,
  'unknown outcomes were reported, and only what may be run again was': unknownReported,
  'the thread has the texts of the journal’s turns in order, once each': threadIsJournal,
  ...commandChecks,
};
