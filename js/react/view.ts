import { isAfter } from './cursor.js';
import type { LiveMessage, LiveTask, LiveTool, TimelineEntry } from './live-task.js';
import { openItem } from './plan.js';
import type { PageState } from './state.js';

/** What a page shows of what it knows. Give it what it made last, and what has not changed stays the same object. */
export function viewOf(state: PageState, last?: { state: PageState; view: LiveTask }): LiveTask {
  const { status, unfinished, plan, item, usage, streaming, retrying, ending, decided } = state;
  const before = last?.state;
  const same = (...fields: (keyof PageState)[]) => fields.every((field) => before?.[field] === state[field]);
  const isOver = status === 'completed' || status === 'failed';
  const waiting =
    last !== undefined && same('waiting', 'decided', 'status')
      ? last.view.waiting
      : isOver
        ? []
        : state.waiting.filter(({ toolCall }) => !decided.has(toolCall.id));
  const tools =
    last !== undefined && waiting === last.view.waiting && same('calls', 'status')
      ? last.view.tools
      : toolsOf(state, new Set(waiting.map(({ toolCall }) => toolCall.id)));
  const messages =
    last !== undefined && same('messages', 'sent') ? last.view.messages : [...state.messages, ...state.sent];
  const timeline =
    last !== undefined &&
    tools === last.view.tools &&
    messages === last.view.messages &&
    same('orders', 'streaming')
      ? last.view.timeline
      : timelineOf(state, tools);
  const isPaused = status === 'paused';
  return {
    status,
    unfinished,
    stopped: isPaused && ending?.stopped === true,
    reason: isPaused ? ending?.reason : undefined,
    plan,
    item:
      status === 'completed' ? undefined : (item ?? (status === 'in_progress' ? openItem(plan) : undefined)),
    messages,
    tools,
    timeline,
    streaming,
    retrying,
    waiting,
    usage,
    error: state.lost ?? (status === 'failed' ? ending?.error : undefined) ?? state.interrupted,
  };
}

/** In the order of the journal; those without a fact come last. */
function toolsOf({ calls, status }: PageState, waiting: ReadonlySet<string>): LiveTool[] {
  const sorted = [...calls.values()].sort(({ order: a }, { order: b }) => {
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
    return a === b ? 0 : isAfter(a, b) ? 1 : -1;
  });
  return sorted.map(({ tool }) => {
    if (tool.status !== 'running') return tool;
    if (waiting.has(tool.id)) return { ...tool, status: 'waiting' };
    return status === 'in_progress' ? tool : { ...tool, status: 'interrupted' };
  });
}

/** A call comes before the first message whose place is known to be behind its own. */
function timelineOf({ messages, orders, calls, streaming, sent }: PageState, tools: LiveTool[]) {
  const entries: TimelineEntry[] = [];
  let next = 0;
  const tell = (isDue: (order: string) => boolean) => {
    for (let tool = tools[next]; tool !== undefined; tool = tools[++next]) {
      const order = calls.get(tool.id)?.order;
      if (tool.status === 'writing' || (order !== undefined && !isDue(order))) return;
      if (order === undefined && !isDue('')) return;
      entries.push({ type: 'tool', key: `tool:${tool.id}`, tool });
    }
  };
  for (const message of messages) {
    const place = orders.get(message.id);
    if (place !== undefined) tell((order) => order !== '' && isAfter(place, order));
    entries.push(entryOf(message));
  }
  tell(() => true);
  if (streaming !== undefined) {
    entries.push({ type: 'streaming', key: `message:${streaming.messageId ?? 'next'}`, streaming });
  }
  for (const tool of tools.slice(next)) entries.push({ type: 'tool', key: `tool:${tool.id}`, tool });
  for (const message of sent) entries.push(entryOf(message));
  return entries;
}

function entryOf(message: LiveMessage): TimelineEntry {
  return { type: 'message', key: `message:${message.id}`, message };
}
