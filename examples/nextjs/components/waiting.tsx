'use client';

import { type FormEvent, useId, useState } from 'react';
import type { WaitingCall } from 'task-execution-engine';
import type { UsedTask } from 'task-execution-engine/react';
import { toolText } from '@/lib/words';
import type { Attempt } from './controls';

interface Props {
  call: WaitingCall;
  task: UsedTask;
  attempt: Attempt;
}

/** The form by which a person decides a call that waits. */
export function Waiting(props: Props) {
  if (props.call.why === 'approval') return <Approval {...props} />;
  if (props.call.why === 'unknown_outcome') return <UnknownOutcome {...props} />;
  return <Question {...props} />;
}

function Approval({ call: { toolCall }, task, attempt }: Props) {
  const [reason, setReason] = useState('');
  const id = useId();
  return (
    <form
      className="waiting"
      aria-label={`Approval of ${toolText(toolCall.name)}`}
      onSubmit={(event) => event.preventDefault()}
    >
      <p className="question">{toolText(toolCall.name)}?</p>
      <dl>
        {Object.entries(toolCall.input).map(([name, value]) => (
          <div key={name}>
            <dt>{toolText(name)}</dt>
            <dd>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>
          </div>
        ))}
      </dl>
      <label htmlFor={id}>A reason, if you reject</label>
      <input id={id} value={reason} onChange={(event) => setReason(event.target.value)} autoComplete="off" />
      <div className="actions">
        <button type="button" className="primary" onClick={() => attempt(task.approve(toolCall.id))}>
          Approve
        </button>
        <button type="button" onClick={() => attempt(task.reject(toolCall.id, reason.trim() || undefined))}>
          Reject
        </button>
      </div>
    </form>
  );
}

function Question({ call: { toolCall }, task, attempt }: Props) {
  const { question, choices } = toolCall.input as { question?: unknown; choices?: unknown };
  const options = Array.isArray(choices) ? choices.map(String) : [];
  const text = typeof question === 'string' ? question : toolText(toolCall.name);
  const [answer, setAnswer] = useState('');
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(task.answer(toolCall.id, { answer: answer.trim() }));
  };
  return (
    <form className="waiting" aria-label="Question" onSubmit={submit}>
      {options.length > 0 ? (
        <fieldset>
          <legend className="question">{text}</legend>
          {options.map((option) => (
            <label key={option} className="choice">
              <input type="radio" name={id} checked={answer === option} onChange={() => setAnswer(option)} />
              <span>{option}</span>
            </label>
          ))}
        </fieldset>
      ) : (
        <>
          <label htmlFor={id} className="question">
            {text}
          </label>
          <textarea id={id} rows={3} value={answer} onChange={(event) => setAnswer(event.target.value)} />
        </>
      )}
      <div className="actions">
        <button type="submit" className="primary" disabled={answer.trim() === ''}>
          Answer
        </button>
        <button
          type="button"
          className="link"
          onClick={() => attempt(task.reject(toolCall.id, 'The editor has no answer.'))}
        >
          I cannot say
        </button>
      </div>
    </form>
  );
}

function UnknownOutcome({ call: { toolCall }, task, attempt }: Props) {
  const name = toolText(toolCall.name);
  return (
    <form className="waiting" aria-label={`Outcome of ${name}`} onSubmit={(event) => event.preventDefault()}>
      <p className="question">Did it happen?</p>
      <p>The server was cut off in the middle of “{name}”. Nobody knows whether it was done.</p>
      <div className="actions">
        <button
          type="button"
          onClick={() => attempt(task.answer(toolCall.id, 'It was done, as a person has checked.'))}
        >
          It was done
        </button>
        <button type="button" onClick={() => attempt(task.approve(toolCall.id))}>
          Do it again
        </button>
        <button
          type="button"
          onClick={() => attempt(task.reject(toolCall.id, 'It was not done, and shall not be.'))}
        >
          Leave it
        </button>
      </div>
    </form>
  );
}
