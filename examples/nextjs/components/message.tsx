import { memo } from 'react';
import type { LiveMessage } from 'task-execution-engine/react';
import { Prose } from './prose';

type Shown = Pick<LiveMessage, 'role' | 'content' | 'reasoning' | 'pending'>;

/** What somebody says. */
export const Message = memo(function Message({
  message,
  isStreaming = false,
}: {
  message: Shown;
  isStreaming?: boolean;
}) {
  const { role, content, reasoning, pending } = message;
  if (role === 'system') return <p className="mark-line">{content}</p>;
  return (
    <article className={`message ${role}`} data-streaming={isStreaming} data-pending={pending}>
      <h3 className="unseen">{role === 'user' ? 'You' : 'Model'}</h3>
      {reasoning && (
        <details className="reasoning">
          <summary>{isStreaming && content === '' ? 'Thinking …' : 'Thoughts'}</summary>
          <p>{reasoning}</p>
        </details>
      )}
      {role === 'user' ? <p className="said">{content}</p> : <Prose text={content} />}
      {pending && <p className="hint">Waits until the model listens</p>}
    </article>
  );
});
