import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { JournalReader, type Piece } from '../../../js/cli/show/journal.js';
import { jsonLine } from '../../../js/cli/show/json.js';
import { Printer } from '../../../js/cli/show/printer.js';
import { Timeline } from '../../../js/cli/show/timeline.js';
import { widthOf } from '../../../js/cli/text.js';
import { memoryStore } from '../../../js/index.js';
import type { TaskStore } from '../../../js/types.js';

const at = '2026-11-24T12:00:01.000Z';
const usage = {
  inputTokens: 1200,
  outputTokens: 34,
  totalTokens: 1234,
  cacheReadInputTokens: 0,
  cacheWriteInputTokens: 0,
  unreported: 0,
};
const call = { id: 'call-1', name: 'send_mail', input: { to: 'a@b.c' } };
const turn = (text: string, uses: object[] = [], stop = 'end_turn') => ({
  kind: 'turn',
  messageId: 'm',
  turn: { content: text === '' ? [] : [{ text }], stop, uses },
  usage,
  total: usage,
});
const entry = (seq: number, facts: { kind: string; [field: string]: unknown }[], epoch = 1) => ({
  seq,
  epoch,
  write_id: `w${seq}`,
  at,
  kinds: facts.map(({ kind }) => kind),
  data: { facts },
});

class Sink extends Writable {
  text = '';
  isTTY = false;
  columns = 60;
  override _write(chunk: Buffer, _: string, done: () => void) {
    this.text += chunk.toString();
    done();
  }
}

async function told(entries: ReturnType<typeof entry>[], isTTY = false): Promise<string> {
  const sink = new Sink();
  sink.isTTY = isTTY;
  const printer = new Printer(sink, true);
  const timeline = new Timeline();
  for (const each of entries) await printer.event(each.at, timeline.linesOf(each));
  return sink.text;
}

test('the timeline tells turns, calls, approvals, results, pauses and takeovers', async () => {
  const item = { milestone: 'm1', item: 'i1' };
  const progress = {
    kind: 'progress',
    overall: 50,
    item: { id: 'i1', name: 'Write to them', status: 'completed' },
  };
  const text = await told([
    entry(1, [
      { kind: 'begun', how: 'started' },
      { kind: 'stated', item, name: 'Write to them', text: '…' },
    ]),
    entry(2, [turn('I write.', [call]), { kind: 'waiting', toolCall: call, why: 'approval' }]),
    entry(3, [
      { kind: 'decided', toolCallId: 'call-1', decision: { decision: 'approve', note: 'go on' } },
      { kind: 'starting', toolCallIds: ['call-1'] },
    ]),
    entry(
      4,
      [
        { kind: 'begun', how: 'recovered' },
        { kind: 'starting', toolCallIds: ['call-1'] },
      ],
      2,
    ),
    entry(
      5,
      [
        {
          kind: 'result',
          toolCallId: 'call-1',
          name: 'send_mail',
          status: 'error',
          content: [],
          unknown: true,
        },
      ],
      2,
    ),
    entry(6, [{ kind: 'received', text: 'Hurry!' }, turn('', [], 'max_tokens')], 2),
    entry(7, [{ kind: 'done', item, text: '' }, progress], 3),
    entry(8, [{ kind: 'ended', status: 'paused', reason: 'tokens' }], 3),
    entry(9, [{ kind: 'ended', status: 'failed', error: { code: 'TOO_LARGE', message: 'It is large.' } }], 3),
  ]);
  expect(text).toBe(`2026-11-24 UTC
12:00:01  ▶ The task begins.  lease 1
          ▸ Next: Write to them
            I write.  1,200 tokens in, 34 out
          → send_mail (to a@b.c)
          ? send_mail (to a@b.c) waits for approval.  call-1
          ! A person approved send_mail: go on
          ▶ The task goes on where it was interrupted.  lease 2
          → send_mail is run again.
          ← send_mail: nobody knows what it did.
          > Hurry!
          · The model was stopped: max_tokens  1,200 tokens in, 34 out
          ▶ Another run goes on.  lease 3
          ✓ Done: Write to them  ██████████░░░░░░░░░░ 50 %
          ‖ The task is paused: tokens
          ✗ The task failed: It is large.  TOO_LARGE
`);
});

test('facts of another shape or version are named instead of ending the timeline', async () => {
  const text = await told([
    entry(1, [{ kind: 'turn' }, { kind: 'waiting', toolCall: null }, { kind: 'danced' }, { kind: 'reset' }]),
  ]);
  expect(text).toContain('A fact that this version cannot read: turn');
  expect(text).toContain('A fact that this version cannot read: waiting');
  expect(text).toContain('A fact that this version does not know: danced');
  expect(text).toContain('The task was reset');
});

test('what models and tools say cannot steer the terminal, and no line is wider than it', async () => {
  const esc = '\u001b';
  const evil = `${esc}[2J${esc}]0;title\u0007${esc}Pq\u009b31m a\rb\u202e 家族${'写真'.repeat(60)} ${'x'.repeat(5_000)}`;
  const evilCall = { id: evil, name: evil, input: { [evil]: evil } };
  const entries = [
    entry(1, [turn(evil, [evilCall], evil), { kind: 'waiting', toolCall: evilCall, why: 'approval' }]),
    entry(2, [
      {
        kind: 'result',
        toolCallId: evil,
        name: evil,
        status: 'success',
        content: [{ text: evil }, { json: { evil } }],
      },
      { kind: 'stated', item: { item: evil }, name: evil, text: evil },
      { kind: 'done', item: { item: evil }, text: evil },
      { kind: 'ended', status: 'failed', reason: evil, error: { code: evil, message: evil } },
      { kind: evil },
    ]),
  ];
  const lines = (await told(entries)).split('\n');
  for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Surrogate}\u202e]/u);
  const narrow = (await told(entries, true)).split('\n');
  expect(narrow.length).toBeGreaterThan(50);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the printer's own colours
  for (const line of narrow) expect(widthOf(line.replace(/\u001b\[\d+m/g, ''))).toBeLessThan(60);
  expect(lines.join('\n')).toMatch(/… [\d,]+ more characters: see --json/);
  expect(jsonLine({ evil })).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(JSON.parse(jsonLine({ evil }))).toEqual({ evil });
});

const path = 'users/u/tasks/t';
const stored = (seq: number, over: object = {}) => ({
  op: 'create' as const,
  path: `${path}/journal/${String(seq).padStart(8, '0')}`,
  data: {
    seq,
    epoch: 1,
    write_id: `w${seq}`,
    at,
    kinds: ['reset'],
    json: '{"facts":[{"kind":"reset"}]}',
    ...over,
  },
});

async function pieces(store: TaskStore): Promise<string[]> {
  const found: Piece[] = [];
  for await (const piece of new JournalReader(store, path).news()) found.push(piece);
  return found.map((piece) => ('problem' in piece ? piece.problem : `entry ${piece.entry.seq}`));
}

test('a damaged journal says where, and the rest of it is read', async () => {
  const store = memoryStore();
  const continuation = (seq: number, n: number, over: object = {}) => ({
    op: 'create' as const,
    path: `${path}/journal/${String(seq).padStart(8, '0')}.${String(n).padStart(4, '0')}`,
    data: { seq, epoch: 1, write_id: `w${seq}`, json: '}', ...over },
  });
  await store.commit([
    stored(1),
    stored(4, { json: '{"facts":[{"kind":"reset"}]' }),
    continuation(4, 1),
    stored(5, { json: '{"facts":[{"ki' }),
    stored(6, { json: '{"facts":[null]}' }),
    stored(7, { write_id: 7 }),
    stored(8, { epoch: 3 }),
    stored(9),
    continuation(9, 2),
    stored(10, { seq: 11 }),
    { op: 'create', path: `${path}/journal/zzz`, data: {} },
  ]);
  expect(await pieces(store)).toEqual([
    'entry 1',
    'entries 2 to 3 are missing',
    'entry 4',
    expect.stringMatching(/^entry 5 cannot be read: .*JSON/),
    'entry 6 cannot be read: it holds no facts',
    'entry 7 cannot be read: it has no epoch or no write_id',
    'entry 8',
    'the document 00000009.0002 continues nothing',
    'entry 9 has the lease 1 after 3',
    'entry 9',
    'the document zzz does not belong there',
    'entry 10 has the lease 1 after 3',
    'entry 10 holds another number',
    'entry 10',
  ]);
});

test('a journal of any length is read page by page, and only what is new is read again', async () => {
  const store = memoryStore();
  for (let from = 1; from <= 1_001; from += 100) {
    await store.commit(Array.from({ length: 100 }, (_, n) => stored(from + n)));
  }
  const limits: number[] = [];
  const counted: TaskStore = {
    ...store,
    list: async (collection, options) => {
      const found = await store.list(collection, options);
      limits.push(found.length);
      return found;
    },
  };
  const reader = new JournalReader(counted, path);
  let count = 0;
  for await (const piece of reader.news()) count += 'entry' in piece ? 1 : 0;
  expect(count).toBe(1_100);
  expect(Math.max(...limits)).toBeLessThanOrEqual(200);
  limits.length = 0;
  await store.commit([stored(1_101)]);
  const news: Piece[] = [];
  for await (const piece of reader.news()) news.push(piece);
  expect(news).toMatchObject([{ entry: { seq: 1_101 } }]);
  expect(limits).toEqual([1]);
});
