import type { TurnParts } from '../../../testing/index.js';
import type { ConverseRequest } from '../../../types.js';
import type { Note } from '../notes.js';
import { type Call, type Conversation, readConversation } from './conversation.js';
import { count, findingOf } from './findings.js';
import { reportOf } from './report.js';

/**
 * The scripted model. It does what a model would do with the demo's plan: for each item it calls the tools that the
 * item's description names in backticks, one after the other, then says what it found. Every turn is computed from
 * the request, so a process that takes up where another died goes on in the same place.
 */
export function demoTurn(request: ConverseRequest): TurnParts {
  const talk = readConversation(request);
  const offered = new Set(request.toolConfig?.tools?.map((each) => each.toolSpec?.name));
  for (const name of toolsNamed(talk).filter((each) => offered.has(each))) {
    const turn = steps[name]?.(talk) ?? (pageTools.has(name) ? lookAtPages(name, talk) : undefined);
    if (turn) return turn;
  }
  return { text: closing(talk) };
}

function toolsNamed({ item }: Conversation): string[] {
  return [...(item?.description ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
}

/** What the tools that the item names have brought to light. */
function findingsOf(talk: Conversation): string[] {
  return toolsNamed(talk).flatMap((tool) => findingOf(tool, talk.calls));
}

type Step = (talk: Conversation) => TurnParts | undefined;

/** Each returns the turn that is due, or nothing once its tool has done its part in this item. */
const steps: Record<string, Step> = {
  list_files: (talk) => (settled(talk.calls, 'list_files') ? undefined : list),
  note_finding(talk) {
    const topic = talk.item?.name ?? '';
    const lines = findingsOf(talk);
    const about = talk.calls.filter(({ name }) => name === 'note_finding' || name === 'read_notes');
    const last = about.at(-1);
    const [first = 'There is nothing to keep.'] = lines;
    const note = { name: 'note_finding', input: { topic, lines: lines.length > 0 ? lines : [first] } };
    if (last === undefined) return { text: `${first} I keep that.`, tools: [note] };
    if (last.name === 'note_finding') {
      return last.outcome === 'unknown'
        ? {
            text: 'I was interrupted while I noted that. I look whether the note is there before I do it again.',
            tools: [{ name: 'read_notes', input: {} }],
          }
        : undefined;
    }
    if (last.outcome !== 'done' || notesOf(last).some((kept) => kept.topic === topic)) return undefined;
    return { text: 'It is not there. I note it again.', tools: [note] };
  },
  read_notes: (talk) =>
    settled(talk.calls, 'read_notes')
      ? undefined
      : { text: 'I read what I kept on the way.', tools: [{ name: 'read_notes', input: {} }] },
  write_report(talk) {
    const last = talk.calls.filter(({ name }) => name === 'write_report' || name === 'read_report').at(-1);
    const write = { name: 'write_report', input: { content: contentFor(talk) } };
    if (last === undefined) {
      const lines = write.input.content.split('\n').length - 1;
      return { text: `The report has ${count(lines, 'line')}. I ask to write it.`, tools: [write] };
    }
    if (last.name === 'write_report') {
      return last.outcome === 'unknown'
        ? {
            text: 'I was interrupted while I wrote the report. I look whether it is there before I write it again.',
            tools: [{ name: 'read_report', input: {} }],
          }
        : undefined;
    }
    if (last.outcome !== 'done' || last.value.content === write.input.content) return undefined;
    return { text: 'It is not there as I meant it. I write it again.', tools: [write] };
  },
  read_report: (talk) =>
    settled(talk.calls, 'read_report')
      ? undefined
      : { text: 'I read the report as a reader would.', tools: [{ name: 'read_report', input: {} }] },
};

const list: TurnParts = {
  text: 'First I look at what is in the folder.',
  tools: [{ name: 'list_files', input: {} }],
};

/** Looking takes all pages together where one page's answer depends on the others. */
const pageTools = new Map([
  ['count_words', { parts: 3, text: 'I count the words of' }],
  ['read_headings', { parts: 3, text: 'I read the headings of' }],
  ['check_links', { parts: 3, text: 'I follow every link of' }],
  ['find_repeats', { parts: 2, text: 'I compare the headings of' }],
  ['find_todos', { parts: 2, text: 'I look for open ends in' }],
  ['find_orphans', { parts: 1, text: 'I look who links to whom in' }],
]);

function lookAtPages(tool: string, talk: Conversation): TurnParts | undefined {
  const listed = talk.allCalls.findLast(({ name }) => name === 'list_files');
  if (listed === undefined || listed.outcome === 'unknown') return list;
  const pages: string[] = listed.value.pages ?? [];
  const { parts = 1, text = '' } = pageTools.get(tool) ?? {};
  const size = Math.ceil(pages.length / parts);
  const due = Array.from({ length: parts }, (_, part) => pages.slice(part * size, (part + 1) * size))
    .filter((files) => files.length > 0)
    .filter((files) => !settled(talk.calls, tool, files));
  if (due.length === 0) return undefined;
  const share = due.length === 1 ? '' : `, in ${due.length} parts at once`;
  return {
    text: `${text} ${count(due.flat().length, 'page')}${share}.`,
    tools: due.map((files) => ({ name: tool, input: { files } })),
  };
}

/** Whether the last such call was answered; one whose outcome is unknown has to be made again. */
function settled(calls: Call[], tool: string, files?: string[]): boolean {
  const asked = JSON.stringify(files);
  const last = calls.findLast(
    ({ name, input }) => name === tool && (files === undefined || JSON.stringify(input.files) === asked),
  );
  return last !== undefined && last.outcome !== 'unknown';
}

function notesOf(call: Call): Note[] {
  return (call.value.notes ?? []) as Note[];
}

/** What the report has to say, from the notes as they were read last before it was written. */
function contentFor(talk: Conversation): string {
  const folder = talk.allCalls.findLast(({ name, outcome }) => name === 'list_files' && outcome === 'done');
  const read = talk.allCalls.findLast(({ name, outcome }) => name === 'read_notes' && outcome === 'done');
  return reportOf(String(folder?.value.folder ?? 'the folder'), read ? notesOf(read) : []);
}

/** What the model says once an item's tools have done their part. Such a turn completes the item. */
function closing(talk: Conversation): string {
  const last = talk.calls.at(-1);
  if (last === undefined) return 'No tool of mine is named here, so there is nothing for me to do.';
  if (last.name === 'write_report' || last.name === 'read_report') return onReport(last, talk);
  if (last.outcome === 'failed') return `That did not work: ${last.text}`;
  if (last.name === 'read_notes' && talk.calls.every(({ name }) => name === 'read_notes')) {
    const notes = notesOf(last);
    const issues = notes.reduce((sum, { lines }) => sum + lines.length - 1, 0);
    return `${count(notes.length, 'note')} with ${count(issues, 'detail')}. That is enough for a report.`;
  }
  const [, detail] = findingsOf(talk);
  return detail === undefined
    ? 'Nothing to add to that.'
    : `The first on my list: ${detail.replace(/\.$/, '')}.`;
}

function onReport(last: Call, talk: Conversation): string {
  if (last.outcome === 'failed') return `The report is not written: ${last.text}`;
  if (last.name === 'write_report')
    return `The report is written: ${count(Number(last.value.bytes), 'byte')}.`;
  if (last.value.exists !== true) return 'There is no report to read.';
  const meant = talk.allCalls.findLast(({ name }) => name === 'write_report');
  if (meant?.outcome === 'failed')
    return 'There is a report, but not the one that I was not allowed to write.';
  return last.value.content === contentFor(talk)
    ? 'The report on the disk is what I meant, to the letter. That was the last thing to do.'
    : 'The report on the disk is not what I wrote. Someone else has changed it.';
}
