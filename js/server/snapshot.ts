import { keyOf, localRun } from '../api/registry.js';
import { isAfter, type Page } from '../api/stored-events.js';
import type { TaskEvent, TaskState, ThreadMessage } from '../types.js';
import { pageAfter } from './cursor.js';
import { lastThatFit, withoutContent } from './pages.js';
import type { TaskPlace } from './runs.js';

/** How many messages of the thread a snapshot has, and how many UTF-8 bytes of JSON they take. */
const mostMessages = 50;
const messageBytes = 1_000_000;
/** How many UTF-8 bytes of JSON the facts of a snapshot take. */
const factBytes = 500_000;

/** Where a task stands: the first event of a stream without a cursor, and whenever a viewer has to start over. */
export interface TaskSnapshot {
  /** Tells it from an event of the task. */
  type: 'snapshot';
  /** The task's id. */
  taskId: string;
  /** Events after it follow. It was read before everything else, so that one or the other may be in here already. */
  cursor: string;
  /** Where the task stands. */
  state: TaskState;
  /** The last of the thread, the oldest first: at most 50, and 1 MB. */
  messages: ThreadMessage[];
  /**
   * What the last entries before the cursor told, the oldest first: the calls under way and those before them, with their
   * results, and where among them the messages stand, whose text is in `messages`. At most 500 KB: the newest are kept, and a
   * fact that is larger by itself comes without its content.
   */
  facts: TaskEvent[];
  /**
   * The assistant's text of the turn under way, as far as it has come: where the task runs on another instance, the last 4
   * KB of what was stored, which begin at `offset` of the message.
   */
  text?: {
    /** The id that the message will have. */
    messageId: string;
    /** From 1 on; a greater one takes back what the one before has said. */
    attempt: number;
    /** The text. */
    content: string;
    /** Where in the message it begins, in UTF-16 units. */
    offset: number;
  };
}

/** Reads where a task stands. `history`: of how many entries before it is told; `present`: what a viewer sees of a fact. */
export async function snapshotOf(
  place: TaskPlace,
  { cursor, live }: Page,
  history: number,
  present: (fact: TaskEvent) => TaskEvent | null,
): Promise<TaskSnapshot> {
  const { engine, taskId, userId } = place;
  const [state, thread, facts] = await Promise.all([
    engine.lifecycle(taskId, userId).state(),
    engine.persistence(taskId, userId).taskMessages(),
    factsBefore(place, cursor, history, present),
  ]);
  const text = textUnderWay(place) ?? live;
  const messages = lastThatFit(thread.slice(-mostMessages), messageBytes, withoutContent);
  const ids = new Set(messages.map(({ id }) => id));
  return {
    type: 'snapshot',
    taskId,
    cursor,
    state,
    messages,
    facts: facts.map((fact) => (isOf(ids, fact) ? { ...fact, content: '' } : fact)),
    ...(text !== undefined && { text }),
  };
}

async function factsBefore(
  place: TaskPlace,
  cursor: string,
  history: number,
  present: (fact: TaskEvent) => TaskEvent | null,
): Promise<TaskEvent[]> {
  let facts: TaskEvent[] = [];
  const seq = Number(cursor.split('.')[0]);
  let after = String(Math.max(0, seq - history));
  while (isAfter(cursor, after)) {
    const page = await pageAfter(place, after);
    const told = page.events.filter(({ id }) => id !== undefined && !isAfter(id, cursor));
    const shown = told.map(present).filter((fact) => fact !== null);
    facts = lastThatFit([...facts, ...shown], factBytes, smallFact);
    if (!page.more) break;
    after = page.cursor;
  }
  return facts;
}

/** A message that has no room is in no timeline; of calls that they were made, and what became of them. */
function smallFact(fact: TaskEvent): TaskEvent | undefined {
  if (fact.type === 'task:tool_result') return { ...fact, content: [] };
  if (fact.type !== 'task:tool_call') return undefined;
  return { ...fact, toolCall: { ...fact.toolCall, input: {} } };
}

function isOf(
  ids: ReadonlySet<string>,
  fact: TaskEvent,
): fact is Extract<TaskEvent, { type: 'task:message_saved' }> {
  return fact.type === 'task:message_saved' && ids.has(fact.messageId);
}

/** A run tells whoever begins to follow it the text so far, at once. */
function textUnderWay({ host, userId, taskId }: TaskPlace): TaskSnapshot['text'] {
  let text: TaskSnapshot['text'];
  const unfollow = localRun(keyOf(host, userId, taskId))?.follow({
    event() {},
    status() {},
    ended() {},
    delta(messageId, attempt, content, offset) {
      text = { messageId, attempt, content, offset };
    },
  });
  unfollow?.();
  return text;
}
