'use client';

import { useEffect, useRef, useState } from 'react';
import type { UsedTask } from 'task-execution-engine/react';
import { statusText, toolText } from '@/lib/words';

/** Tells screen readers what matters: a new status, a question, a whole message; no piece of text, no progress. */
export function Announcer({ task }: { task: UsedTask }) {
  const [text, setText] = useState('');
  const said = useRef({ status: task.status, waiting: task.waiting.length, message: lastSaid(task)?.id });
  const { status, stopped, waiting, messages } = task;
  useEffect(() => {
    const last = lastSaid({ messages });
    const before = said.current;
    said.current = { status, waiting: waiting.length, message: last?.id };
    const call = waiting.at(-1)?.toolCall;
    if (waiting.length > before.waiting && call) setText(`${toolText(call.name)} waits for you.`);
    else if (status !== before.status) setText(`${statusText(status, stopped)}.`);
    else if (last !== undefined && last.id !== before.message) setText(last.content.slice(0, 500));
  }, [status, stopped, waiting, messages]);
  return (
    <p className="unseen" role="status">
      {text}
    </p>
  );
}

const lastSaid = ({ messages }: Pick<UsedTask, 'messages'>) =>
  messages.findLast(({ role }) => role === 'assistant');
