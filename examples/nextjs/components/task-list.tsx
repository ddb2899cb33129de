'use client';

import Link from 'next/link';
import { useEffect, useState } from 'react';
import type { TaskStatus } from 'task-execution-engine';
import { useTasks } from 'task-execution-engine/react';
import { agoText, statusText } from '@/lib/words';
import { NewTask } from './new-task';

const filters: { label: string; status: TaskStatus | undefined }[] = [
  { label: 'All', status: undefined },
  { label: 'In progress', status: 'in_progress' },
  { label: 'Paused', status: 'paused' },
  { label: 'Completed', status: 'completed' },
];

/** The user's tasks, a search, and the form for a new one. */
export function TaskList() {
  const [status, setStatus] = useState<TaskStatus>();
  const [search, setSearch] = useState('');
  const [isOpen, setOpen] = useState(false);
  const list = useTasks({ status, search });
  const now = useNow();
  const isFiltered = status !== undefined || search !== '';
  return (
    <>
      <header className="list-head">
        <h1>Tasks</h1>
        {!isOpen && (
          <button type="button" className="primary" onClick={() => setOpen(true)}>
            New task
          </button>
        )}
      </header>
      {isOpen && <NewTask create={list.create} onClose={() => setOpen(false)} />}
      <div className="filters">
        <fieldset>
          <legend className="unseen">Status</legend>
          {filters.map(({ label, status: each }) => (
            <label key={label}>
              <input type="radio" name="status" checked={status === each} onChange={() => setStatus(each)} />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
        <input
          type="search"
          aria-label="Search"
          placeholder="Search"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      </div>
      {list.error && (
        <p className="notice" role="alert">
          {list.error.message}{' '}
          <button type="button" className="link" onClick={() => void list.refresh()}>
            Try again
          </button>
        </p>
      )}
      {list.loading && list.tasks.length === 0 && !list.error ? (
        <ul className="tasks" aria-label="Loading tasks" aria-busy="true">
          {['a', 'b', 'c'].map((key) => (
            <li key={key} className="ghost" aria-hidden="true" />
          ))}
        </ul>
      ) : list.tasks.length === 0 && !list.error ? (
        <p className="empty">
          {isFiltered ? 'No task is like that.' : 'Nothing to do yet. Make a task, and watch it being done.'}
        </p>
      ) : (
        <ul className="tasks">
          {list.tasks.map((task) => (
            <li key={task.id} data-status={task.status}>
              <Link href={`/tasks/${encodeURIComponent(task.id)}`}>
                <strong>{task.title}</strong>
                <span className="task-facts">
                  <span className="status" data-status={task.status}>
                    {statusText(task.status)}
                  </span>
                  <span suppressHydrationWarning>{agoText(task.updated_at, now)}</span>
                </span>
              </Link>
              <meter
                min={0}
                max={100}
                value={task.progress.overall_percentage}
                aria-label={`Progress of ${task.title}`}
              >
                {task.progress.overall_percentage} %
              </meter>
            </li>
          ))}
        </ul>
      )}
      {list.hasMore && (
        <button type="button" className="more" onClick={() => void list.loadMore()}>
          Older tasks
        </button>
      )}
    </>
  );
}

/** Times move on without anything else happening. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
