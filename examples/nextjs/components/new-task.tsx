'use client';

import { useRouter } from 'next/navigation';
import { type FormEvent, useId, useState } from 'react';
import type { UsedTasks } from 'task-execution-engine/react';

const example = {
  title: 'The newsletter of November',
  description: 'Write the newsletter of the city desk, about the harbour, and send it to all who subscribe.',
  steps:
    'Research:\nSearch the archive for the harbour\nAsk the editor for the tone\nIssue:\nWrite the newsletter\nSend it',
};

/** Lines are steps; one that ends with a colon begins a milestone. */
export function planOf(steps: string) {
  const milestones: { name: string; items: { name: string }[] }[] = [];
  for (const line of steps.split('\n').map((each) => each.trim())) {
    if (line === '') continue;
    if (line.endsWith(':')) milestones.push({ name: line.slice(0, -1), items: [] });
    else {
      if (milestones.length === 0) milestones.push({ name: 'Plan', items: [] });
      milestones.at(-1)?.items.push({ name: line });
    }
  }
  return milestones.filter(({ items }) => items.length > 0);
}

/** The form for a new task. */
export function NewTask({ create, onClose }: { create: UsedTasks['create']; onClose: () => void }) {
  const [fields, setFields] = useState({ title: '', description: '', steps: '' });
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const router = useRouter();
  const id = useId();
  const field = (name: keyof typeof fields) => ({
    id: `${id}-${name}`,
    name,
    value: fields[name],
    onChange: (event: { target: { value: string } }) => setFields({ ...fields, [name]: event.target.value }),
  });

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const { title, description, steps } = fields;
      const task = await create({
        title: title.trim(),
        description: description.trim(),
        milestones: planOf(steps),
      });
      router.push(`/tasks/${encodeURIComponent(task.id)}`);
    } catch (thrown) {
      setProblem(thrown instanceof Error ? thrown.message : String(thrown));
      setBusy(false);
    }
  }

  return (
    <form className="new-task" onSubmit={submit} aria-label="New task">
      <label htmlFor={`${id}-title`}>Title</label>
      {/* biome-ignore lint/a11y/noAutofocus: the person has just asked for this form */}
      <input {...field('title')} required maxLength={200} autoComplete="off" autoFocus />
      <label htmlFor={`${id}-description`}>What is to be done</label>
      <textarea {...field('description')} rows={3} />
      <label htmlFor={`${id}-steps`}>Steps</label>
      <textarea {...field('steps')} rows={7} aria-describedby={`${id}-hint`} />
      <p className="hint" id={`${id}-hint`}>
        One a line. A line that ends with a colon begins a milestone. Without steps the task is one.
      </p>
      {problem && (
        <p className="notice" role="alert">
          {problem}
        </p>
      )}
      <div className="actions">
        <button type="submit" className="primary" disabled={isBusy}>
          {isBusy ? 'Creating …' : 'Create task'}
        </button>
        <button type="button" onClick={() => setFields(example)}>
          Use the example
        </button>
        <button type="button" className="link" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
