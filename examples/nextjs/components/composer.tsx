'use client';

import { type FormEvent, type KeyboardEvent, useState } from 'react';
import type { UsedTask } from 'task-execution-engine/react';
import type { Attempt } from './controls';

/** Messages to the model. What could not be sent is in the field again. */
export function Composer({ task, attempt }: { task: UsedTask; attempt: Attempt }) {
  const [text, setText] = useState('');
  const isEmpty = text.trim() === '';
  async function send() {
    if (isEmpty || !task.can.send) return;
    const message = text.trim();
    setText('');
    if (!(await attempt(task.send(message)))) setText((now) => (now === '' ? message : now));
  }
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };
  return (
    <form className="composer" onSubmit={onSubmit}>
      <textarea
        aria-label="Message to the model"
        placeholder={task.can.send ? 'Message to the model' : 'The task is completed'}
        rows={1}
        value={text}
        disabled={!task.can.send}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <button type="submit" disabled={isEmpty || !task.can.send}>
        Send
      </button>
    </form>
  );
}
