import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TaskClientEvent } from '../../../js/client/index.js';
import { type LocalAction, reduce } from '../../../js/react/reduce.js';
import { nothingYet, type PageState } from '../../../js/react/state.js';
import { viewOf } from '../../../js/react/view.js';
import type { TaskSnapshot } from '../../../js/server/index.js';
import type { TaskEvent, WaitingCall } from '../../../js/types.js';
import { eventsOf, factsAfter, isWhole, lasting, snapshotAt, textSoFar, turns } from './world.js';

const knowing = (state: PageState, events: (TaskClientEvent | LocalAction)[]) => events.reduce(reduce, state);
const begun = reduce(nothingYet, snapshotAt([], 0, 0));
const shown = (...events: (TaskClientEvent | LocalAction)[]) => viewOf(knowing(begun, events));

let seq = 0;
const fact = (event: object) =>
  ({ taskId: 't', id: `${++seq}.0`, seq, epoch: 1, at: '2026-11-29T00:00:00.000Z', ...event }) as TaskEvent;
const live = (event: object) => ({ taskId: 't', ...event }) as TaskEvent;
const delta = (content: string, offset: number, attempt = 1, messageId = 'a') =>
  live({ type: 'task:message', messageId, attempt, role: 'assistant', content, offset, streaming: true });
const saved = (content: string, role = 'assistant', messageId = 'a') =>
  fact({ type: 'task:message_saved', messageId, role, content, streaming: false });
const call = (id: string) => fact({ type: 'task:tool_call', toolCall: { id, name: 'n', input: { a: 1 } } });
const result = (id: string, more = {}) =>
  fact({
    type: 'task:tool_result',
    toolCallId: id,
    name: 'n',
    status: 'success',
    content: [{ text: 'ok' }],
    ...more,
  });

describe('the page of a task', () => {
  it('puts streamed text at its place, and makes a message of it once it is saved', () => {
    const streaming = shown(delta('Hello ', 0), delta('there', 6), delta('there!', 6));
    expect(streaming.streaming).toMatchObject({ content: 'Hello there!', from: 0 });
    const view = shown(delta('Hello ', 0), saved('Hello world'));
    expect(view.streaming).toBeUndefined();
    expect(view.messages).toMatchObject([{ content: 'Hello world', role: 'assistant' }]);
  });

  it('says where text begins that it has joined too late', () => {
    expect(shown(delta('tail', 400)).streaming).toMatchObject({ content: 'tail', from: 400 });
    const late = {
      ...snapshotAt([], 0, 0),
      text: { messageId: 'a', attempt: 1, content: 'tail', offset: 400 },
    };
    expect(shown(late, delta(' end', 404)).streaming).toMatchObject({ content: 'tail end', from: 400 });
    expect(shown(delta('tail', 400), delta('all', 0)).streaming).toMatchObject({ content: 'all', from: 0 });
  });

  it('takes back the text and the calls of an attempt that was given up', () => {
    const writing = live({
      type: 'task:tool_input',
      messageId: 'a',
      attempt: 1,
      toolCallId: 'c',
      name: 'n',
      delta: '{',
    });
    const retry = live({
      type: 'task:retry',
      messageId: 'a',
      attempt: 1,
      code: 'MODEL_THROTTLED',
      delayMs: 500,
    });
    const before = shown(delta('Hello', 0), writing);
    expect(before.tools).toMatchObject([{ status: 'writing', inputText: '{' }]);
    const view = shown(delta('Hello', 0), writing, retry);
    expect(view).toMatchObject({ streaming: undefined, tools: [], retrying: { delayMs: 500 } });
    const again = shown(delta('Hello', 0), writing, retry, delta('Good', 0, 2), delta('Hello', 0, 1));
    expect(again).toMatchObject({ streaming: { content: 'Good', attempt: 2 }, retrying: undefined });
  });

  it('takes back what an attempt said that nobody has closed, when the next one speaks', () => {
    expect(shown(delta('Hello', 0), delta('Good', 0, 2)).streaming).toMatchObject({ content: 'Good' });
    expect(shown(delta('Hello', 0), delta('Next', 0, 1, 'b')).streaming).toMatchObject({ content: 'Next' });
  });

  it('keeps reasoning with what came of it', () => {
    const thinking = live({ type: 'task:reasoning', delta: 'Hm.' });
    expect(shown(thinking).streaming).toMatchObject({ reasoning: 'Hm.', content: '' });
    expect(shown(thinking, delta('Yes', 0), saved('Yes')).messages[0]).toMatchObject({ reasoning: 'Hm.' });
    expect(shown(thinking, call('c')).tools[0]).toMatchObject({ reasoning: 'Hm.' });
    const old = [thinking, { ...saved('Old'), id: '0.0', seq: 0 } as TaskEvent];
    expect(shown(...old).streaming).toMatchObject({ reasoning: 'Hm.' });
  });

  it('shows a call from its first letter to its result', () => {
    const writing = live({
      type: 'task:tool_input',
      messageId: 'a',
      attempt: 1,
      toolCallId: 'c',
      name: 'n',
      delta: '{"a',
    });
    const progress = live({ type: 'task:tool_progress', toolCallId: 'c', name: 'n', progress: 0.5 });
    const started = fact({ type: 'task:started' });
    const called = call('c');
    const ask = fact({ type: 'task:approval_required', toolCall: { id: 'c', name: 'n', input: {} } });
    const of = (...events: TaskEvent[]) => shown(started, ...events).tools.map(({ status }) => status);
    expect(of(writing)).toEqual(['writing']);
    expect(of(writing, called)).toEqual(['running']);
    expect(of(writing, called, ask)).toEqual(['waiting']);
    expect(shown(started, called, progress).tools[0]).toMatchObject({ status: 'running', progress: 0.5 });
    expect(of(called, ask, progress)).toEqual(['running']);
    expect(of(called, fact({ type: 'task:paused' }))).toEqual(['interrupted']);
    expect(of(called, result('c'))).toEqual(['done']);
    expect(of(called, result('c', { status: 'error' }))).toEqual(['failed']);
    expect(of(called, result('c', { status: 'error', unknown: true }))).toEqual(['unknown']);
  });

  it('has a call that is decided here wait no more, and wait again where nobody could be told', () => {
    const called = call('c');
    const ask = fact({ type: 'task:approval_required', toolCall: { id: 'c', name: 'n', input: {} } });
    const deciding = { type: 'deciding', toolCallId: 'c' } as const;
    expect(shown(called, ask).waiting).toMatchObject([{ why: 'approval' }]);
    expect(shown(called, ask, deciding).waiting).toEqual([]);
    expect(shown(called, ask, deciding, live({ ...ask, id: undefined, again: true })).waiting).toEqual([]);
    expect(shown(called, ask, deciding, { type: 'undecided', toolCallId: 'c' }).waiting).toHaveLength(1);
  });

  it('asks again about a call that was approved here and whose outcome is unknown', () => {
    const toolCall = { id: 'c', name: 'n', input: {} };
    const called = call('c');
    const ask = fact({ type: 'task:approval_required', toolCall });
    const approved = [called, ask, { type: 'deciding', toolCallId: 'c' } as const];
    const later = '2026-11-29T00:05:00.000Z';
    const unknown = fact({ type: 'task:answer_required', toolCall, why: 'unknown_outcome', at: later });
    const asked = [{ toolCall, why: 'unknown_outcome', itemId: 'i1', since: later }];
    const again = live({ ...unknown, id: undefined, again: true });
    expect(shown(...approved, unknown).waiting).toEqual(asked);
    expect(shown(...approved, again).waiting).toMatchObject([{ why: 'unknown_outcome' }]);
    // A page that looked on asks what is asked now.
    expect(shown(called, ask, unknown).waiting).toEqual(asked);
    // Decided here too, and unknown once more.
    const rerun = { type: 'deciding', toolCallId: 'c' } as const;
    expect(shown(...approved, unknown, rerun, again).waiting).toEqual([]);
    const third = fact({ ...unknown, id: undefined, at: '2026-11-29T00:09:00.000Z' });
    expect(shown(...approved, unknown, rerun, { ...third, id: '900.0' } as TaskEvent).waiting).toHaveLength(
      1,
    );
  });

  it('asks again where a snapshot has another question than the one decided here', () => {
    const toolCall = { id: 'c', name: 'n', input: {} };
    const called = call('c');
    const ask = fact({ type: 'task:approval_required', toolCall });
    const deciding = { type: 'deciding', toolCallId: 'c' } as const;
    const progress = live({ type: 'task:tool_progress', toolCallId: 'c', name: 'n', progress: 0.5 });
    const snapshot = (why: WaitingCall['why'], since: string): TaskSnapshot => {
      const { state, ...rest } = snapshotAt([], 0, 0);
      const waiting = [{ toolCall, why, itemId: 'i1', since }];
      return { ...rest, cursor: '900', state: { ...state, seq: 900, waiting } };
    };
    const [then, later] = [ask.at as string, '2026-11-29T00:05:00.000Z'];
    const of = (...events: (TaskClientEvent | LocalAction)[]) => shown(called, ask, ...events).waiting;
    expect(of(deciding, snapshot('approval', then))).toEqual([]);
    expect(of(deciding, snapshot('unknown_outcome', later))).toMatchObject([{ why: 'unknown_outcome' }]);
    expect(of(deciding, snapshot('approval', later))).toHaveLength(1);
    expect(of(deciding, progress, snapshot('unknown_outcome', later))).toHaveLength(1);
  });

  it('shows what was sent until the thread has it, once for each time it was sent', () => {
    const sending = (key: string) => ({ type: 'sending', key, content: 'Hi', at: '' }) as const;
    const user = saved('Hi', 'user', 'u1');
    expect(shown(sending('1'), sending('2')).messages).toMatchObject([{ pending: true }, { pending: true }]);
    const view = shown(sending('1'), sending('2'), user);
    expect(view.messages).toMatchObject([{ id: 'u1' }, { id: '2', pending: true }]);
    expect(shown(sending('1'), { type: 'unsent', key: '1' }).messages).toEqual([]);
    const snapshot = snapshotAt([user], 1, 0);
    expect(shown(sending('1'), snapshot).messages).toMatchObject([{ id: 'u1' }]);
    expect(shown(sending('1'), snapshot).messages).toHaveLength(1);
  });

  it('follows the plan: which items are done, and which one is next', () => {
    const { item: _, ...before } = begun;
    const first = viewOf(knowing({ ...before, item: undefined }, [fact({ type: 'task:started' })]));
    expect(first.item).toMatchObject({ id: 'i1', milestoneId: 'm' });
    const part = fact({
      type: 'task:progress_update',
      overall: 50,
      item: { id: 'i3', name: 'Item i3', status: 'completed' },
      milestone: {
        id: 'm',
        name: 'M',
        status: 'in_progress',
        progress: 50,
        tasks_completed: 3,
        tasks_total: 6,
      },
      items: ['i1', 'i2'],
    });
    expect(shown(part)).toMatchObject({
      plan: { overall: 50, milestones: [{ tasks_completed: 3 }] },
      item: { id: 'i4' },
    });
  });

  it('says how the task ended, and forgets it when the task goes on', () => {
    const failed = fact({ type: 'task:error', error: 'No.', code: 'MODEL_DENIED', retryable: false });
    expect(shown(failed)).toMatchObject({
      status: 'failed',
      error: { code: 'MODEL_DENIED', message: 'No.' },
    });
    expect(shown(failed, fact({ type: 'task:resumed' })).error).toBeUndefined();
    const stopped = fact({ type: 'task:stopped', reason: 'enough' });
    expect(shown(stopped)).toMatchObject({ status: 'paused', stopped: true, reason: 'enough' });
    expect(shown(fact({ type: 'task:paused' }))).toMatchObject({ stopped: false, reason: undefined });
  });

  it('says that a run was interrupted, and that somebody has to go on', () => {
    const outcome = { status: 'interrupted', unfinished: true };
    const view = shown(
      fact({ type: 'task:started' }),
      delta('Hel', 0),
      live({ type: 'task:error', error: 'Away.', code: 'STORE_UNAVAILABLE', retryable: true }),
      live({ type: 'task:run_ended', outcome }),
    );
    expect(view).toMatchObject({
      status: 'in_progress',
      unfinished: true,
      streaming: undefined,
      error: { code: 'STORE_UNAVAILABLE' },
    });
  });

  it('keeps the objects that have not changed', () => {
    const one = knowing(begun, [call('c'), saved('Hi')]);
    const before = { state: one, view: viewOf(one) };
    const same = viewOf(
      reduce(one, live({ type: 'task:run_ended', outcome: { status: 'superseded' } })),
      before,
    );
    const text = viewOf(reduce(one, delta('New', 0, 1, 'b')), before);
    expect(same.timeline).toBe(before.view.timeline);
    expect([text.messages, text.tools, text.waiting]).toEqual([
      before.view.messages,
      before.view.tools,
      before.view.waiting,
    ]);
    expect(text.messages).toBe(before.view.messages);
    expect(text.tools).toBe(before.view.tools);
  });

  it('forgets what was of a history that has been deleted', () => {
    const old = knowing(begun, [saved('Old'), call('c'), fact({ type: 'task:paused' })]);
    const view = viewOf(reduce({ ...old, newest: '900.0' }, snapshotAt([], 0, 0)));
    expect(view).toMatchObject({ messages: [], tools: [], status: 'not_started' });
  });
});

describe('however a page has come to know a task', () => {
  const count = fc.nat(1_000);
  const at = (events: TaskEvent[], wanted: number, whole: boolean) => {
    let place = wanted % (events.length + 1);
    while (whole && place > 0 && !isWhole(events, place)) place -= 1;
    return place;
  };
  const uncut = (events: TaskEvent[], end: number) => viewOf(knowing(begun, events.slice(0, end)));

  it('it shows the same when the stream was cut anywhere, came back late and said things twice', () => {
    fc.assert(
      fc.property(turns, fc.array(fc.tuple(count, count, count), { maxLength: 4 }), (history, cuts) => {
        const events = eventsOf(history);
        let state = begun;
        let place = 0;
        for (const [cut, missed, twice] of cuts) {
          const lost = Math.max(place, at(events, cut, false));
          state = knowing(state, events.slice(place, lost));
          const back = Math.min(events.length, lost + (missed % 6));
          const facts = events.slice(0, back).filter(({ id }) => id !== undefined);
          const seen = events.slice(0, lost).filter(({ id }) => id !== undefined).length;
          state = knowing(state, facts.slice(Math.max(0, seen - (twice % 3))));
          const text = textSoFar(events.slice(0, back));
          if (text) state = reduce(state, delta(text.content, 0, text.attempt, text.messageId));
          place = back;
        }
        const end = events.length;
        expect(lasting(viewOf(knowing(state, events.slice(place))))).toEqual(lasting(uncut(events, end)));
      }),
      { numRuns: 200 },
    );
  });

  it('it shows the same when it was opened in between: the snapshot has what was before', () => {
    fc.assert(
      fc.property(turns, count, fc.nat(3), (history, opened, lag) => {
        const events = eventsOf(history);
        const place = at(events, opened, true);
        const snapshot = snapshotAt(events, place, lag);
        // Facts that came between the reading of the cursor and the rest are told too.
        const between = factsAfter(events.slice(0, place), snapshot.cursor);
        const view = viewOf(knowing(nothingYet, [snapshot, ...between, ...events.slice(place)]));
        expect(lasting(view)).toEqual(lasting(uncut(events, events.length)));
      }),
      { numRuns: 200 },
    );
  });

  it('it shows the same after a snapshot in mid-stream, with the facts in between read again', () => {
    fc.assert(
      fc.property(turns, count, count, fc.nat(3), (history, first, second, lag) => {
        const events = eventsOf(history);
        const [from, to] = [at(events, first, true), at(events, second, true)].sort((a, b) => a - b) as [
          number,
          number,
        ];
        const snapshot = snapshotAt(events, to, lag);
        const missed = events.slice(0, to).filter(({ id }) => id !== undefined);
        const state = knowing(begun, [...events.slice(0, from), snapshot, ...missed, ...events.slice(to)]);
        expect(lasting(viewOf(state))).toEqual(lasting(uncut(events, events.length)));
      }),
      { numRuns: 200 },
    );
  });
});
