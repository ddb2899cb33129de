import type { UsedTask } from 'task-execution-engine/react';

/** Settles with whether it went well; what is wrong is shown by the page. */
export type Attempt = (work: Promise<void>) => Promise<boolean>;

/** Start, pause, resume and stop: those that make sense now. */
export function Controls({ task, attempt }: { task: UsedTask; attempt: Attempt }) {
  const { can, busy, status } = task;
  return (
    <div className="controls">
      {status === 'not_started' && (
        <button
          type="button"
          className="primary"
          disabled={!can.start || busy !== undefined}
          onClick={() => attempt(task.start())}
        >
          {busy === 'start' ? 'Starting …' : 'Start'}
        </button>
      )}
      {can.resume && (
        <button
          type="button"
          className="primary"
          disabled={busy !== undefined}
          onClick={() => attempt(task.resume())}
        >
          {busy === 'resume' ? 'Resuming …' : status === 'failed' ? 'Try again' : 'Resume'}
        </button>
      )}
      {can.pause && (
        <button type="button" disabled={busy !== undefined} onClick={() => attempt(task.pause())}>
          {busy === 'pause' ? 'Pausing …' : 'Pause'}
        </button>
      )}
      {can.stop && !task.stopped && (
        <button type="button" disabled={busy !== undefined} onClick={() => attempt(task.stop())}>
          {busy === 'stop' ? 'Stopping …' : 'Stop'}
        </button>
      )}
    </div>
  );
}
