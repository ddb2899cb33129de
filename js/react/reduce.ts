import type { TaskClientEvent } from '../client/events.js';
import type { TaskSnapshot } from '../server/snapshot.js';
import type { TaskEvent, TaskEventMap, TaskState, WaitingCall } from '../types.js';
import { isAfter } from './cursor.js';
import type { LiveMessage, LiveText, TaskProblem } from './live-task.js';
import { openItem, planAfter } from './plan.js';
import type { Call, Ending, InitialTask, PageState } from './state.js';

/** What happens on this page alone. */
export type LocalAction =
  | { type: 'sending'; key: string; content: string; at: string }
  | { type: 'unsent'; key: string }
  | { type: 'deciding' | 'undecided'; toolCallId: string }
  | { type: 'found'; state: TaskState }
  | { type: 'lost'; problem: TaskProblem | undefined };

type Event<Name extends TaskEvent['type']> = Extract<TaskEvent, { type: Name }>;

/**
 * What a page knows after an event. Facts may come twice, and those that the snapshot has may come late, in any order: the
 * same is known in the end.
 */
export function reduce(state: PageState, event: TaskClientEvent | LocalAction): PageState {
  switch (event.type) {
    case 'snapshot':
      return afterSnapshot(state, event);
    case 'task:message':
      return afterText(state, event);
    case 'task:reasoning':
      return { ...state, retrying: undefined, streaming: thinking(state.streaming, event.delta) };
    case 'task:tool_input':
      return afterInput(state, event);
    case 'task:tool_progress':
      return afterToolProgress(state, event);
    case 'task:retry':
      return { ...withoutAttempt(state), retrying: { code: event.code, delayMs: event.delayMs } };
    case 'task:run_ended':
      return afterRun(state, event);
    case 'sending': {
      const { key: id, content, at: timestamp } = event;
      const message: LiveMessage = { id, role: 'user', content, timestamp, pending: true };
      return { ...state, sent: [...state.sent, message] };
    }
    case 'unsent':
      return { ...state, sent: state.sent.filter(({ id }) => id !== event.key) };
    case 'deciding':
      return { ...state, decided: new Set([...state.decided, event.toolCallId]) };
    case 'undecided':
      return { ...state, decided: without(state.decided, event.toolCallId) };
    case 'found':
      return afterReading(state, event.state);
    case 'lost':
      return { ...state, lost: event.problem };
    default:
      return afterFact(state, event);
  }
}

function afterFact(state: PageState, event: Exclude<TaskEvent, Event<'task:message'>>): PageState {
  const { id } = event;
  // Said again, or of a run that was interrupted: no facts.
  if (id === undefined) return afterLive(state, event);
  const isNew = isAfter(id, state.newest);
  const now = isNew ? { ...state, newest: id } : state;
  switch (event.type) {
    case 'task:message_saved':
      return afterMessage(now, event, isNew);
    case 'task:tool_call':
      return afterCall(now, event, isNew);
    case 'task:tool_result':
      return afterResult(now, event, isNew);
    case 'task:approval_required':
    case 'task:answer_required':
      return isNew ? asked(now, event) : now;
    case 'task:usage':
      // The turn is over: what still streams is of an attempt whose end was not heard.
      return isNew ? { ...withoutAttempt(now), usage: event.total } : now;
    case 'task:progress_update': {
      if (!isNew) return now;
      const plan = planAfter(now.plan, event);
      return { ...now, plan, item: openItem(plan) };
    }
    case 'task:started':
    case 'task:resumed':
      return isNew
        ? ended({ ...withoutAttempt(now), status: 'in_progress', unfinished: false }, { order: id })
        : ended(now, { order: id });
    case 'task:paused':
    case 'task:stopped': {
      const ending = { order: id, stopped: event.type === 'task:stopped', reason: event.reason };
      return isNew
        ? ended({ ...withoutAttempt(now), status: 'paused', unfinished: false }, ending)
        : ended(now, ending);
    }
    case 'task:completed':
      return isNew
        ? ended(
            { ...withoutAttempt(now), status: 'completed', unfinished: false, waiting: [] },
            { order: id },
          )
        : ended(now, { order: id });
    case 'task:error': {
      const ending = { order: id, error: problemOf(event) };
      return isNew
        ? ended({ ...withoutAttempt(now), status: 'failed', unfinished: false }, ending)
        : ended(now, ending);
    }
    default:
      // A newer server says more than this page knows.
      return now;
  }
}

function afterLive(state: PageState, event: TaskEvent): PageState {
  if (event.type === 'task:error') return { ...withoutAttempt(state), interrupted: problemOf(event) };
  if (event.type === 'task:approval_required' || event.type === 'task:answer_required')
    return asked(state, event);
  return state;
}

function afterSnapshot(state: PageState, snapshot: TaskSnapshot): PageState {
  const { state: now, messages, facts, cursor, text } = snapshot;
  const isOther = isAfter(state.newest, String(Math.max(now.seq, Number(cursor))));
  // The history was deleted: what was known is of another.
  const known = isOther
    ? { ...state, messages: [], orders: new Map(), calls: new Map(), ending: undefined }
    : state;
  const next = withInitial(known, { state: now, messages });
  const { streaming } = state;
  const isSame =
    text !== undefined && streaming?.messageId === text.messageId && streaming.attempt === text.attempt;
  const page: PageState = {
    ...next,
    cursor: Number(cursor),
    calls: new Map([...next.calls].filter(([, { order }]) => order !== undefined)),
    streaming: text && {
      messageId: text.messageId,
      attempt: text.attempt,
      content: text.content,
      from: text.offset,
      reasoning: isSame ? streaming.reasoning : '',
    },
    retrying: undefined,
    interrupted: undefined,
    lost: undefined,
  };
  return facts.reduce(reduce, page);
}

/** What a snapshot, or a server's first HTML, says. */
export function withInitial(known: PageState, { state: now, messages = [] }: InitialTask): PageState {
  const had = new Map(known.messages.map((message) => [message.id, message]));
  const told = messages.map((message) => ({ ...had.get(message.id), ...shown(message) }));
  const ids = new Set(told.map(({ id }) => id));
  const fresh = told.filter(({ id }) => !had.has(id));
  return {
    ...known,
    status: now.status,
    unfinished: now.unfinished,
    plan: now.progress,
    item: now.item,
    usage: now.usage,
    waiting: now.waiting,
    decided: stillDecided(known, now.waiting),
    messages: [...known.messages.filter(({ id }) => !ids.has(id)), ...told],
    sent: fresh.reduce(arrived, known.sent),
    newest: String(now.seq),
    cursor: now.seq,
  };
}

/** Where the task stands, as it was read; what is known may be newer. */
function afterReading(state: PageState, now: TaskState): PageState {
  if (isAfter(state.newest, String(now.seq))) return state;
  const { status, unfinished, progress: plan, item, waiting } = now;
  return { ...state, status, unfinished, plan, item, waiting, decided: stillDecided(state, waiting) };
}

function shown({ id, role, content, timestamp, metadata }: TaskSnapshot['messages'][number]): LiveMessage {
  return { id, role, content, timestamp, ...(metadata && { metadata }) };
}

function afterText(state: PageState, event: Event<'task:message'>): PageState {
  const { messageId, attempt, content, offset } = event;
  if (state.messages.some(({ id }) => id === messageId)) return state;
  const before = state.streaming;
  const isThought = before !== undefined && before.messageId === undefined;
  const isSame = before?.messageId === messageId && before.attempt === attempt;
  if (before?.messageId === messageId && before.attempt > attempt) return state;
  const reasoning = isThought || isSame ? before.reasoning : '';
  const end = isSame ? before.from + before.content.length : 0;
  const isNext = isSame && offset >= before.from && offset <= end;
  const streaming = isNext
    ? { ...before, content: before.content.slice(0, offset - before.from) + content }
    : { messageId, attempt, from: offset, content, reasoning };
  return { ...state, streaming, retrying: undefined, calls: withoutWriting(state, { messageId, attempt }) };
}

function thinking(text: LiveText | undefined, delta: string): LiveText {
  const { attempt = 0, from = 0, content = '', reasoning = '', ...rest } = text ?? {};
  return { ...rest, attempt, from, content, reasoning: reasoning + delta };
}

function afterInput(state: PageState, event: Event<'task:tool_input'>): PageState {
  const { toolCallId: id, name, delta, messageId, attempt } = event;
  const before = state.calls.get(id);
  if (before !== undefined && before.writing === undefined) return state;
  const isSame = before?.writing?.messageId === messageId && before.writing.attempt === attempt;
  const inputText = (isSame ? (before?.tool.inputText ?? '') : '') + delta;
  const call: Call = { tool: { id, name, inputText, status: 'writing' }, writing: { messageId, attempt } };
  const calls = new Map(withoutWriting(state, { messageId, attempt })).set(id, call);
  return { ...state, retrying: undefined, calls };
}

function afterToolProgress(state: PageState, event: Event<'task:tool_progress'>): PageState {
  const { toolCallId: id, name, progress } = event;
  const before = state.calls.get(id);
  if (before?.tool.content !== undefined) return state;
  const tool = { id, name, ...before?.tool, status: 'running' as const, progress };
  const calls = new Map(state.calls).set(id, { ...before, tool });
  return { ...state, calls, waiting: state.waiting.filter(({ toolCall }) => toolCall.id !== id) };
}

function afterRun(state: PageState, { outcome }: TaskEventMap['task:run_ended']): PageState {
  const unfinished = state.status === 'in_progress' && outcome.unfinished;
  // Another run has taken over: what it says is told by its own events.
  if (outcome.status === 'superseded') return state;
  return { ...withoutAttempt(state), unfinished };
}

function afterMessage(state: PageState, event: Event<'task:message_saved'>, isNew: boolean): PageState {
  const { id: order, seq, messageId: id, role, content, at: timestamp } = event;
  if (state.orders.has(id)) return state;
  const orders = new Map(state.orders).set(id, order);
  const streamed = state.streaming?.messageId;
  const isSaid = role === 'assistant' && (streamed === id || (isNew && streamed === undefined));
  const reasoning = isSaid ? state.streaming?.reasoning : undefined;
  const next = {
    ...state,
    orders,
    ...(isSaid && { streaming: undefined, retrying: undefined }),
  };
  if (state.messages.some((message) => message.id === id)) return next;
  const message: LiveMessage = { id, role, content, timestamp, ...(reasoning && { reasoning }) };
  const messages = inserted(state, message, order, seq <= state.cursor);
  return { ...next, messages, sent: arrived(state.sent, message) };
}

/** Those of before the snapshot come before all that it has; all others at their place from the end. */
function inserted({ messages, orders }: PageState, message: LiveMessage, order: string, isOld: boolean) {
  const comesBefore = (other: LiveMessage): boolean => {
    const at = orders.get(other.id);
    return at === undefined ? isOld : isAfter(at, order);
  };
  let place = isOld ? messages.findIndex(comesBefore) : messages.length;
  if (place < 0) place = messages.length;
  while (place > 0 && comesBefore(messages[place - 1] as LiveMessage)) place -= 1;
  return [...messages.slice(0, place), message, ...messages.slice(place)];
}

/** What was sent waits no more once the thread has it. */
function arrived(sent: LiveMessage[], { role, content }: LiveMessage): LiveMessage[] {
  const place = role === 'user' ? sent.findIndex((message) => message.content === content) : -1;
  return place < 0 ? sent : sent.filter((_, index) => index !== place);
}

function afterCall(
  state: PageState,
  { id: order, toolCall }: Event<'task:tool_call'>,
  isNew: boolean,
): PageState {
  const before = state.calls.get(toolCall.id);
  if (before?.order !== undefined) return state;
  const { inputText: _, ...had } = before?.tool ?? { status: 'running' as const };
  const reasoning = isNew ? state.streaming?.reasoning : undefined;
  const status = before?.writing ? ('running' as const) : had.status;
  const tool = { ...had, ...toolCall, status, ...(reasoning && { reasoning }) };
  const calls = new Map(state.calls).set(toolCall.id, { tool, order });
  return { ...state, calls, ...(reasoning && { streaming: undefined }) };
}

function afterResult(state: PageState, event: Event<'task:tool_result'>, isNew: boolean): PageState {
  const { toolCallId: id, name, content, unknown } = event;
  const before = state.calls.get(id);
  const { progress: _, ...had } = before?.tool ?? { id, name };
  const status = unknown ? 'unknown' : event.status === 'error' ? 'failed' : 'done';
  const calls = new Map(state.calls).set(id, { ...before, tool: { ...had, status, content } });
  if (!isNew) return { ...state, calls };
  const waiting = state.waiting.filter(({ toolCall }) => toolCall.id !== id);
  return { ...state, calls, waiting, decided: without(state.decided, id) };
}

function asked(
  state: PageState,
  event: Event<'task:approval_required'> | Event<'task:answer_required'>,
): PageState {
  const { toolCall, at: since = '' } = event;
  const why = event.why ?? (event.type === 'task:approval_required' ? 'approval' : 'input');
  const call: WaitingCall = { toolCall, why, itemId: state.item?.id ?? '', since };
  const before = state.waiting.find(({ toolCall: { id } }) => id === toolCall.id);
  if (event.again && before !== undefined && isSameQuestion(before, call)) return state;
  const waiting = [...state.waiting.filter((other) => other !== before), call];
  // A new question, not the one that was decided.
  const isNew = !event.again || before !== undefined;
  return { ...state, waiting, decided: isNew ? without(state.decided, toolCall.id) : state.decided };
}

/** One that a run only repeated, when it took the task up, does not say since when it is asked. */
function isSameQuestion(one: WaitingCall, other: WaitingCall): boolean {
  return one.why === other.why && (one.since === other.since || one.since === '' || other.since === '');
}

/** What was decided on this page is what waited then: a call may be asked about once more. */
function stillDecided({ decided, waiting }: PageState, now: WaitingCall[]): PageState['decided'] {
  const isSame = (call: WaitingCall) =>
    waiting.some((before) => before.toolCall.id === call.toolCall.id && isSameQuestion(before, call));
  return now.filter((call) => !isSame(call)).reduce((set, call) => without(set, call.toolCall.id), decided);
}

function ended(state: PageState, ending: Ending): PageState {
  if (state.ending !== undefined && !isAfter(ending.order, state.ending.order)) return state;
  return { ...state, ending, interrupted: undefined };
}

/** What an attempt has said that was given up, or cut off. */
function withoutAttempt(state: PageState): PageState {
  return { ...state, streaming: undefined, retrying: undefined, calls: withoutWriting(state) };
}

/** Without the calls that were being written, but for those of this attempt. */
function withoutWriting({ calls }: PageState, now?: Call['writing']): PageState['calls'] {
  const isOld = ({ writing }: Call) =>
    writing !== undefined && (writing.messageId !== now?.messageId || writing.attempt !== now.attempt);
  if (![...calls.values()].some(isOld)) return calls;
  return new Map([...calls].filter(([, call]) => !isOld(call)));
}

function problemOf({ error: message, code, retryable }: Event<'task:error'>): TaskProblem {
  return { message, code, retryable };
}

function without(set: ReadonlySet<string>, item: string): ReadonlySet<string> {
  if (!set.has(item)) return set;
  return new Set([...set].filter((each) => each !== item));
}
