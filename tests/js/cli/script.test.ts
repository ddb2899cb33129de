import { expect, test } from 'vitest';
import { statementOf } from '../../../js/cli/demo/script/conversation.js';
import { reportOf } from '../../../js/cli/demo/script/report.js';
import { demoTurn } from '../../../js/cli/demo/script/turns.js';
import type { ConverseRequest, JsonValue, Message } from '../../../js/types.js';

const offered = ['list_files', 'check_links', 'note_finding', 'read_notes', 'write_report', 'read_report'];
const unknown = 'The call was interrupted and its outcome is unknown. Check before repeating it.';

/** A conversation in which each call was answered with a value, or with the text of an error. */
function conversation(item: string, ...calls: [name: string, input: JsonValue, result: JsonValue][]) {
  const messages: Message[] = [
    { role: 'user', content: [{ text: statementOf({ name: 'Item', description: item }) }] },
  ];
  for (const [index, [name, input, result]] of calls.entries()) {
    const toolUseId = `c${index}`;
    messages.push({ role: 'assistant', content: [{ toolUse: { toolUseId, name, input } }] });
    const answer =
      typeof result === 'string'
        ? { toolUseId, status: 'error' as const, content: [{ text: result }] }
        : { toolUseId, status: 'success' as const, content: [{ json: result }] };
    messages.push({ role: 'user', content: [{ toolResult: answer }] });
  }
  const tools = offered.map((name) => ({ toolSpec: { name, inputSchema: { json: {} } } }));
  return { messages, toolConfig: { tools } } satisfies ConverseRequest;
}

const files = ['a.md', 'b.md'];
const listed: [string, JsonValue, JsonValue] = ['list_files', {}, { folder: 'f', pages: files, others: [] }];
const broken = [{ file: 'a.md', line: 1, target: 'x.md', why: 'no such file' }];

test('pages are looked at in parallel, and what came back is noted', () => {
  const look = demoTurn(conversation('`check_links` `note_finding`', listed));
  expect(look.tools).toEqual([
    { name: 'check_links', input: { files: ['a.md'] } },
    { name: 'check_links', input: { files: ['b.md'] } },
  ]);
  const note = demoTurn(
    conversation(
      '`check_links` `note_finding`',
      listed,
      ['check_links', { files: ['a.md'] }, { checked: 2, broken }],
      ['check_links', { files: ['b.md'] }, { checked: 1, broken: [] }],
    ),
  );
  expect(note.text).toBe('3 relative links, 1 broken. I keep that.');
  expect(note.tools).toEqual([
    {
      name: 'note_finding',
      input: { topic: 'Item', lines: ['3 relative links, 1 broken.', 'a.md:1 links to x.md: no such file'] },
    },
  ]);
});

test('the order in which results arrive changes nothing', () => {
  const calls: Parameters<typeof conversation>[1][] = [
    ['check_links', { files: ['a.md'] }, { checked: 1, broken }],
    ['check_links', { files: ['b.md'] }, { checked: 1, broken }],
  ];
  const request = conversation('`check_links` `note_finding`', listed, ...calls);
  const [statement, use, result, ...rest] = request.messages as Message[];
  const uses = [rest[0], rest[2]].flatMap((message) => message?.content ?? []);
  const results = [rest[1], rest[3]].flatMap((message) => message?.content ?? []);
  const turn = (order: typeof results) =>
    demoTurn({
      ...request,
      messages: [
        statement,
        use,
        result,
        { role: 'assistant', content: uses },
        { role: 'user', content: order },
      ] as Message[],
    });
  expect(turn([...results].reverse())).toEqual(turn(results));
});

test('a note whose outcome is unknown is looked for, and made again only if it is missing', () => {
  const note: [string, JsonValue, JsonValue] = ['note_finding', { topic: 'Item', lines: ['x'] }, unknown];
  const plan = '`list_files` `note_finding`';
  expect(demoTurn(conversation(plan, listed, note)).tools).toEqual([{ name: 'read_notes', input: {} }]);
  const there = { notes: [{ topic: 'Item', lines: ['x'] }] };
  expect(demoTurn(conversation(plan, listed, note, ['read_notes', {}, there])).tools).toBeUndefined();
  const missing = demoTurn(conversation(plan, listed, note, ['read_notes', {}, { notes: [] }]));
  expect(missing.tools?.[0]?.name).toBe('note_finding');
});

test('a report whose outcome is unknown is compared with what was meant', () => {
  const notes = [{ topic: 'T', lines: ['First.', 'second'] }];
  const read: [string, JsonValue, JsonValue] = ['read_notes', {}, { notes }];
  const content = reportOf('f', notes);
  const write: [string, JsonValue, JsonValue] = ['write_report', { content }, unknown];
  const next = (found: JsonValue) =>
    demoTurn(conversation('`write_report`', listed, read, write, ['read_report', {}, found]));
  expect(demoTurn(conversation('`write_report`', listed, read, write)).tools?.[0]?.name).toBe('read_report');
  expect(next({ exists: true, content }).tools).toBeUndefined();
  expect(next({ exists: false }).tools).toEqual([{ name: 'write_report', input: { content } }]);
});

test('a report that was refused is not asked for again', () => {
  const refused = demoTurn(
    conversation('`write_report`', listed, [
      'write_report',
      { content: 'x' },
      'A person rejected this call: no',
    ]),
  );
  expect(refused).toEqual({ text: 'The report is not written: A person rejected this call: no' });
});

test('an item that names no tool is closed with a text', () => {
  expect(demoTurn(conversation('Use `rm`.')).tools).toBeUndefined();
});

test('the report has each topic once, in the order of the notes', () => {
  const notes = [
    { topic: 'A', lines: ['old'] },
    { topic: 'B', lines: ['b', 'c'] },
    { topic: 'A', lines: ['new'] },
  ];
  expect(reportOf('f', notes)).toBe('# Report on f\n\n- **A:** new\n- **B:** b\n\n## B\n\n- c\n');
});
