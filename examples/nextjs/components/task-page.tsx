'use client';

import Link from 'next/link';
import { useState } from 'react';
import { type InitialTask, useTask } from 'task-execution-engine/react';
import { reasonText, statusText } from '@/lib/words';
import { Announcer } from './announcer';
import { Composer } from './composer';
import { Controls } from './controls';
import { Plan } from './plan';
import { Timeline } from './timeline';
import { type Price, UsageLine } from './usage-line';

interface Props {
  id: string;
  title: string;
  description: string;
  price: Price;
  initial: InitialTask;
}

/** One task: its plan, what is said and done, and what can be done about it. */
export function TaskPage({ id, title, description, price, initial }: Props) {
  const task = useTask(id, { initial });
  const [problem, setProblem] = useState<string>();
  const attempt = async (work: Promise<void>) => {
    setProblem(undefined);
    try {
      await work;
      return true;
    } catch (thrown) {
      setProblem(thrown instanceof Error ? thrown.message : String(thrown));
      return false;
    }
  };
  const reason = reasonText(task.reason);
  return (
    <main className="task-page">
      <header className="task-head">
        <div>
          <Link href="/" className="back">
            Tasks
          </Link>
          <h1>{title}</h1>
          <p className="task-facts">
            <span className="status" data-status={task.status} data-stopped={task.stopped}>
              {task.unfinished ? 'Interrupted' : statusText(task.status, task.stopped)}
            </span>
            <UsageLine usage={task.usage} price={price} />
          </p>
        </div>
        <Controls task={task} attempt={attempt} />
      </header>
      <aside className="task-side" aria-label="Plan">
        <Plan
          plan={task.plan}
          item={task.item}
          description={description}
          isRunning={task.status === 'in_progress' && !task.unfinished}
        />
      </aside>
      <section className="task-main" aria-labelledby="what-happens">
        <h2 className="unseen" id="what-happens">
          What happens
        </h2>
        <Timeline task={task} attempt={attempt} />
        <div className="task-foot">
          {!task.connected && <p className="notice">The connection is lost. Trying again …</p>}
          {task.error && (
            <p className="notice" role="alert">
              {task.error.message}
            </p>
          )}
          {problem && (
            <p className="notice" role="alert">
              {problem}
            </p>
          )}
          {reason && <p className="notice">{reason}</p>}
          <Composer task={task} attempt={attempt} />
        </div>
      </section>
      <Announcer task={task} />
    </main>
  );
}
