import { keyOf, localRun } from '../api/registry.js';
import type { Page } from '../api/stored-events.js';
import type { TaskState, ThreadMessage } from '../types.js';
import type { TaskPlace } from './runs.js';

/** How many messages of the thread a snapshot has. */
const mostMessages = 50;

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
  /** The last of the thread, the oldest first. */
  messages: ThreadMessage[];
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

/** Reads where a task stands. */
export async function snapshotOf(place: TaskPlace, { cursor, live }: Page): Promise<TaskSnapshot> {
  const { engine, taskId, userId } = place;
  const [state, messages] = await Promise.all([
    engine.lifecycle(taskId, userId).state(),
    engine.persistence(taskId, userId).taskMessages(),
  ]);
  const text = textUnderWay(place) ?? live;
  return {
    type: 'snapshot',
    taskId,
    cursor,
    state,
    messages: messages.slice(-mostMessages),
    ...(text !== undefined && { text }),
  };
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
