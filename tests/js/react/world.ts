import fc from 'fast-check';
import { isAfter } from '../../../js/react/cursor.js';
import type { LiveTask } from '../../../js/react/live-task.js';
import type { TaskSnapshot } from '../../../js/server/snapshot.js';
import type { Progress, TaskEvent, TaskState, Usage, WaitingCall } from '../../../js/types.js';

/** What a turn of a made-up history brings. */
export interface Turn {
  thinks: boolean;
  text: string[];
  /** Attempts that were given up before. */
  retries: number;
  tools: ('plain' | 'approval' | 'input')[];
  /** How many of the calls of all turns so far get their result after it. */
  results: number;
  user?: string | undefined;
  done: boolean;
  pause?: 'task:paused' | 'task:stopped' | undefined;
}

export const turns: fc.Arbitrary<Turn[]> = fc.array(
  fc.record({
    thinks: fc.boolean(),
    text: fc.array(fc.constantFrom('One. ', 'Two words. ', 'é🙂 '), { maxLength: 3 }),
    retries: fc.integer({ min: 0, max: 2 }),
    tools: fc.array(fc.constantFrom('plain' as const, 'approval' as const, 'input' as const), {
      maxLength: 2,
    }),
    results: fc.integer({ min: 0, max: 2 }),
    user: fc.option(fc.constantFrom('Hello', 'Hurry'), { nil: undefined }),
    done: fc.boolean(),
    pause: fc.option(fc.constantFrom('task:paused' as const, 'task:stopped' as const), {
      nil: undefined,
      freq: 4,
    }),
  }),
  { minLength: 1, maxLength: 6 },
);

const items = ['i1', 'i2', 'i3', 'i4', 'i5', 'i6'];

/** The plan with so many of its items done. */
export function planOf(done: number): Progress {
  const tasks = items.map((id, index) => ({
    id,
    name: `Item ${id}`,
    description: '',
    status: index < done ? ('completed' as const) : ('not_started' as const),
  }));
  const overall = Math.round((100 * done) / items.length);
  const milestone = {
    id: 'm',
    name: 'M',
    description: '',
    status: 'in_progress' as const,
    progress: overall,
  };
  return {
    overall,
    milestones: [{ ...milestone, tasks_completed: done, tasks_total: items.length }],
    tasks: { m: tasks },
  };
}

/** What an event says of the plan once so many items are done. */
function doneOf(done: number) {
  const { overall, milestones, tasks } = planOf(done);
  const { id, name, status } = tasks.m?.[done - 1] ?? { id: '', name: '', status: '' };
  return { overall, item: { id, name, status }, milestone: milestones[0] };
}

/** All that happens in the task, as a stream that is never cut would bring it. */
export function eventsOf(history: Turn[]): TaskEvent[] {
  const events: TaskEvent[] = [];
  let seq = 0;
  let done = 0;
  let tokens = 0;
  const open: { id: string; name: string }[] = [];
  const commit = (...facts: object[]) => {
    seq += 1;
    const at = new Date(1_800_000_000_000 + seq * 1_000).toISOString();
    facts.forEach((fact, n) => {
      events.push({ taskId: 't', id: `${seq}.${n}`, seq, epoch: 1, at, ...fact } as TaskEvent);
    });
  };
  const live = (event: object) => events.push({ taskId: 't', ...event } as TaskEvent);
  commit({ type: 'task:started' });
  for (const [index, turn] of history.entries()) {
    const messageId = `a${index}`;
    const text = turn.text.join('');
    for (let attempt = 1; attempt <= turn.retries; attempt += 1) {
      const given = { messageId, attempt, role: 'assistant', streaming: true };
      live({ type: 'task:message', ...given, content: 'Never ', offset: 0 });
      live({ type: 'task:message', ...given, content: 'mind', offset: 6 });
      live({
        type: 'task:tool_input',
        messageId,
        attempt,
        toolCallId: `lost${index}`,
        name: 'n',
        delta: '{"a',
      });
      live({ type: 'task:retry', messageId, attempt, code: 'MODEL_UNAVAILABLE', delayMs: 10 });
    }
    const attempt = turn.retries + 1;
    if (turn.thinks) live({ type: 'task:reasoning', delta: 'Hm.' });
    let offset = 0;
    for (const content of turn.text) {
      live({ type: 'task:message', messageId, attempt, role: 'assistant', content, offset, streaming: true });
      offset += content.length;
    }
    const calls = turn.tools.map((kind, n) => ({ kind, id: `c${index}-${n}`, name: kind }));
    for (const { id, name } of calls) {
      live({ type: 'task:tool_input', messageId, attempt, toolCallId: id, name, delta: '{}' });
    }
    tokens += 10;
    const usage = usageOf(tokens);
    done = turn.done ? Math.min(done + 1, items.length) : done;
    const said = text === '' ? [] : [{ messageId, role: 'assistant', content: text }];
    const heard =
      turn.user === undefined ? [] : [{ messageId: `u${index}`, role: 'user', content: turn.user }];
    commit(
      ...[...said, ...heard].map((message) => ({ type: 'task:message_saved', streaming: false, ...message })),
      ...calls.map(({ id, name }) => ({ type: 'task:tool_call', toolCall: { id, name, input: {} } })),
      ...calls
        .filter(({ kind }) => kind !== 'plain')
        .map(({ id, name, kind }) => ({
          type: kind === 'approval' ? 'task:approval_required' : 'task:answer_required',
          toolCall: { id, name, input: {} },
          ...(kind === 'input' && { why: 'input' }),
        })),
      { type: 'task:usage', usage: usageOf(10), total: usage },
      ...(turn.done ? [{ type: 'task:progress_update', ...doneOf(done) }] : []),
    );
    open.push(...calls);
    for (const { id, name } of open.splice(0, turn.results)) {
      live({ type: 'task:tool_progress', toolCallId: id, name, progress: 0.5 });
      // An entry that tells nothing.
      seq += 1;
      commit({
        type: 'task:tool_result',
        toolCallId: id,
        name,
        status: 'success',
        content: [{ text: 'ok' }],
      });
    }
    if (turn.pause !== undefined) {
      commit({ type: turn.pause, reason: 'enough' });
      commit({ type: 'task:resumed' });
    }
  }
  return events;
}

function usageOf(totalTokens: number): Usage {
  const none = { cacheReadInputTokens: 0, cacheWriteInputTokens: 0, unreported: 0 };
  return { inputTokens: totalTokens, outputTokens: 0, totalTokens, ...none };
}

/** What a server would say after so many of the events; its cursor may have been read some entries before the rest. */
export function snapshotAt(events: TaskEvent[], count: number, lag: number): TaskSnapshot {
  const before = events.slice(0, count);
  const facts = before.filter(({ id }) => id !== undefined);
  // A server reads whole entries.
  const seq = facts.at(-1)?.seq ?? 0;
  const state: TaskState = {
    status: 'not_started',
    seq,
    progress: planOf(0),
    usage: usageOf(0),
    waiting: [] as WaitingCall[],
    unfinished: false,
    item: { id: 'i1', name: 'Item i1', milestoneId: 'm' },
  };
  const messages: TaskSnapshot['messages'] = [];
  for (const event of facts) {
    if (event.type === 'task:started' || event.type === 'task:resumed') state.status = 'in_progress';
    if (event.type === 'task:paused' || event.type === 'task:stopped') state.status = 'paused';
    if (event.type === 'task:usage') state.usage = event.total;
    if (event.type === 'task:progress_update') {
      const done = items.indexOf(event.item.id) + 1;
      state.progress = planOf(done);
      const next = items[done];
      if (next !== undefined) state.item = { id: next, name: `Item ${next}`, milestoneId: 'm' };
      else delete state.item;
    }
    if (event.type === 'task:message_saved') {
      const { messageId: id, role, content, at: timestamp } = event;
      messages.push({ id, role, content, timestamp, task_id: 't' });
    }
    if (event.type === 'task:approval_required' || event.type === 'task:answer_required') {
      const why = event.type === 'task:approval_required' ? 'approval' : 'input';
      state.waiting.push({ toolCall: event.toolCall, why, itemId: '', since: '' });
    }
    if (event.type === 'task:tool_result') {
      state.waiting = state.waiting.filter(({ toolCall }) => toolCall.id !== event.toolCallId);
    }
  }
  const text = textSoFar(before);
  const cursor = Math.max(0, seq - lag);
  const last = messages.slice(-50);
  const told = new Set(last.map(({ id }) => id));
  return {
    type: 'snapshot',
    taskId: 't',
    cursor: String(cursor),
    state,
    messages: last,
    facts: facts
      .filter(({ seq = 0 }) => seq <= cursor)
      .map((fact) =>
        fact.type === 'task:message_saved' && told.has(fact.messageId) ? { ...fact, content: '' } : fact,
      ),
    ...(text && { text }),
  };
}

/** The text of the turn under way. */
export function textSoFar(before: TaskEvent[]): TaskSnapshot['text'] {
  let text: TaskSnapshot['text'];
  for (const event of before) {
    if (event.type === 'task:message') {
      const { messageId, attempt, content, offset } = event;
      const said = offset === 0 ? '' : (text?.content ?? '');
      text = { messageId, attempt, content: said + content, offset: 0 };
    } else if (event.type === 'task:retry' || event.id !== undefined) text = undefined;
  }
  return text;
}

/** Whole entries: a stream is never cut inside one as far as a server that reads it is concerned. */
export function isWhole(events: TaskEvent[], count: number): boolean {
  const before = events.slice(0, count).findLast(({ id }) => id !== undefined);
  const after = events.slice(count).find(({ id }) => id !== undefined);
  return before?.seq !== after?.seq;
}

export const factsAfter = (events: TaskEvent[], cursor: string) =>
  events.filter(({ id }) => id !== undefined && isAfter(id, cursor));

/** What lasts: neither what streamed before the page was there, nor when something was asked. */
export function lasting({ streaming, retrying: _, ...view }: LiveTask) {
  const plain = (text: string) =>
    JSON.parse(text.replaceAll(/"(reasoning|since|itemId|timestamp)":"[^"]*",?/g, '').replaceAll(',}', '}'));
  const { messageId, attempt, content } = streaming?.messageId ? streaming : {};
  return plain(
    JSON.stringify({
      ...view,
      timeline: view.timeline.filter(({ type }) => type !== 'streaming'),
      ...(messageId && { streaming: { messageId, attempt, content } }),
    }),
  );
}
