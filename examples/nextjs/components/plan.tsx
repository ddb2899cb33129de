'use client';

import { memo, useId, useState } from 'react';
import type { UsedTask } from 'task-execution-engine/react';

interface Props extends Pick<UsedTask, 'plan' | 'item'> {
  description: string;
  isRunning: boolean;
}

/** Milestones and their items, filling up. */
export const Plan = memo(function Plan({ plan, item, isRunning, description }: Props) {
  // On a phone there is room for one of the two.
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const overall = plan?.overall ?? 0;
  return (
    <>
      <p className="overall">
        <meter min={0} max={100} value={overall} aria-label="Progress">
          {overall} %
        </meter>
        <span aria-hidden="true">{overall} %</span>
        <button
          type="button"
          className="link plan-toggle"
          aria-expanded={isOpen}
          aria-controls={id}
          onClick={() => setOpen(!isOpen)}
        >
          Plan
        </button>
      </p>
      <div id={id} className="plan-body" data-open={isOpen}>
        {description && <p className="description">{description}</p>}
        <ol className="plan">
          {plan?.milestones.map((milestone) => (
            <li key={milestone.id}>
              <h2>
                {milestone.name}{' '}
                <small>
                  {milestone.tasks_completed} of {milestone.tasks_total}
                </small>
              </h2>
              <ol>
                {plan.tasks[milestone.id]?.map((each) => {
                  const isNow = each.id === item?.id && each.status !== 'completed';
                  const state = each.status === 'completed' ? 'done' : isNow && isRunning ? 'now' : 'open';
                  return (
                    <li
                      key={each.id}
                      data-state={state}
                      aria-current={isNow && isRunning ? 'step' : undefined}
                    >
                      <span className="mark" aria-hidden="true" />
                      {each.name}
                      <span className="unseen">
                        {{ done: ', done', now: ', under way', open: '' }[state]}
                      </span>
                    </li>
                  );
                })}
              </ol>
            </li>
          ))}
        </ol>
      </div>
    </>
  );
});
