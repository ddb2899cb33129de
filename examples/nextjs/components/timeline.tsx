'use client';

import { useEffect, useLayoutEffect, useRef } from 'react';
import type { TimelineEntry, UsedTask } from 'task-execution-engine/react';
import type { Attempt } from './controls';
import { Message } from './message';
import { ToolCall } from './tool-call';
import { Waiting } from './waiting';

/** Everything that was said and done, the newest at the end, where the page stays as long as nobody scrolls away. */
export function Timeline({ task, attempt }: { task: UsedTask; attempt: Attempt }) {
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever there is more to see
  useLayoutEffect(() => {
    const element = box.current;
    if (element !== null && isAtEnd.current) element.scrollTop = element.scrollHeight;
  }, [task.timeline, task.waiting, task.retrying]);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    // The window, the plan and the foot change how much room there is.
    const watching = new ResizeObserver(() => {
      if (isAtEnd.current) element.scrollTop = element.scrollHeight;
    });
    watching.observe(element);
    return () => watching.disconnect();
  }, []);
  const onScroll = () => {
    const element = box.current;
    if (element !== null)
      isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 60;
  };
  const isAtWork = task.status === 'in_progress' && !task.unfinished;
  const isSilent =
    isAtWork && task.streaming === undefined && task.waiting.length === 0 && !isBusy(task.timeline.at(-1));
  return (
    <div
      className="timeline"
      ref={box}
      onScroll={onScroll}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard has to be able to scroll it
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Messages and calls"
    >
      {task.timeline.length === 0 && <Empty status={task.status} />}
      {task.timeline.map((entry) => (
        <Entry key={entry.key} entry={entry} task={task} attempt={attempt} />
      ))}
      {task.waiting
        .filter(({ toolCall }) => !task.tools.some(({ id }) => id === toolCall.id))
        .map((call) => (
          <Waiting key={call.toolCall.id} call={call} task={task} attempt={attempt} />
        ))}
      {task.retrying && <p className="working">The model did not answer. It is asked again …</p>}
      {isSilent && !task.retrying && <p className="working">Thinking …</p>}
    </div>
  );
}

function Entry({ entry, task, attempt }: { entry: TimelineEntry; task: UsedTask; attempt: Attempt }) {
  if (entry.type === 'message') return <Message message={entry.message} />;
  if (entry.type === 'streaming') {
    const { content, reasoning, from } = entry.streaming;
    const message = { role: 'assistant' as const, content: from > 0 ? `… ${content}` : content, reasoning };
    return <Message message={message} isStreaming />;
  }
  const waiting = task.waiting.find(({ toolCall }) => toolCall.id === entry.tool.id);
  return (
    <ToolCall tool={entry.tool}>
      {waiting && <Waiting call={waiting} task={task} attempt={attempt} />}
    </ToolCall>
  );
}

/** A call that runs says so itself. */
function isBusy(entry: TimelineEntry | undefined): boolean {
  return entry?.type === 'tool' && ['running', 'writing', 'waiting'].includes(entry.tool.status);
}

function Empty({ status }: Pick<UsedTask, 'status'>) {
  if (status === undefined) return <p className="empty">Loading …</p>;
  if (status !== 'not_started') return null;
  return <p className="empty">Nothing has happened yet. Start the task, and it happens here.</p>;
}
