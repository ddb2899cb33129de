import { plainOf } from '../api/arguments.js';
import { safeNow, systemClock } from '../clock.js';
import type { FieldUpdate, StoredDocument, TaskStatus } from '../types.js';
import { textField } from './body.js';
import type { TaskRoutesOptions } from './options.js';
import { PlanEdit } from './plan.js';
import { noSuchTask, Refusal } from './problem.js';
import type { TaskRoute } from './route.js';
import type { TaskRequest } from './routes.js';
import type { RouteRuns } from './runs.js';
import { fieldsOf } from './view.js';

/** What a client may change of a task. */
export interface TaskPatch {
  /** The new title. */
  title?: string | undefined;
  /** The new description. */
  description?: string | undefined;
  /** Fields of `config`, each in the place of the one that is there. */
  config?: Record<string, unknown> | undefined;
  /** Fields of `metadata`, each in the place of the one that is there. */
  metadata?: Record<string, unknown> | undefined;
}

type Body = Record<string, unknown>;
type Change = (data: Body, now: string) => FieldUpdate[];

const mostRounds = 5;

/**
 * Edits the document of a task, also while it runs: a run sees it at its next safe point.
 *
 * @throws Refusal, TaskExecutionError
 */
export async function edit(
  { what, names }: TaskRoute,
  task: TaskRequest,
  body: Body,
  options: TaskRoutesOptions,
  runs: RouteRuns,
): Promise<StoredDocument> {
  const { userId, taskId, request } = task;
  const [milestone = '', item = ''] = names;
  const plan = (change: (plan: PlanEdit) => void) =>
    write(task, (data, now) => {
      const edited = new PlanEdit(data, now);
      change(edited);
      return edited.fields;
    });
  switch (what) {
    case 'progress':
      return plan((edited) => edited.setOverall(body.percentage));
    case 'milestones':
      return plan((edited) => edited.addMilestone(body));
    case 'milestones/*':
      return plan((edited) => edited.changeMilestone(milestone, body));
    case 'milestones/*/complete':
      return plan((edited) => edited.completeMilestone(milestone));
    case 'milestones/*/items':
      return plan((edited) => edited.addItem(milestone, body));
    case 'milestones/*/items/*':
      return plan((edited) => edited.changeItem(milestone, item, body));
    case 'milestones/*/items/*/complete':
      return plan((edited) => edited.completeItem(milestone, item));
    case 'status':
      return setStatus(task, textField(body, 'status'), runs);
  }
  const patch = await (options.edit ?? plainPatch)(body, { userId, taskId, request });
  const fields = fieldsOfPatch(patch);
  if (fields.length > 0) await write(task, () => fields);
  if (body.status !== undefined) await setStatus(task, textField(body, 'status'), runs);
  return read(task);
}

/** What anybody may change; the configuration is the app's. */
function plainPatch({ title, description, metadata }: Body): TaskPatch {
  return { title, description, metadata } as TaskPatch;
}

function fieldsOfPatch({ title, description, config, metadata }: TaskPatch): FieldUpdate[] {
  const fields: FieldUpdate[] = [];
  for (const [name, text] of Object.entries({ title, description })) {
    if (text === undefined || text === null) continue;
    fields.push({ path: [name], value: textField({ [name]: text }, name) });
  }
  for (const [name, object] of Object.entries({ config, metadata })) {
    if (object === undefined || object === null) continue;
    // What is not named stays.
    for (const [key, value] of Object.entries(fieldsOf(plainOf(name, object)))) {
      fields.push({ path: [name, key], value });
    }
  }
  return fields;
}

/** The command that leads to a status; one that no command leads to is stored, and ends a run. */
async function setStatus(task: TaskRequest, status: string, runs: RouteRuns): Promise<StoredDocument> {
  const { engine, userId, taskId } = task;
  const lifecycle = engine.lifecycle(taskId, userId);
  switch (status) {
    case 'paused':
      await lifecycle.pause();
      break;
    case 'in_progress': {
      const state = await lifecycle.state();
      const intents: Partial<Record<TaskStatus, 'resume' | 'run'>> = {
        paused: 'resume',
        failed: 'resume',
        in_progress: 'run',
      };
      await runs.begin(task, intents[state.status] ?? 'start');
      break;
    }
    case 'completed':
    case 'failed':
    case 'not_started':
      return write(task, (data, now) => {
        if (data.status === status) return [];
        const ended = status !== 'not_started' && { path: ['completed_at'], value: now };
        return [{ path: ['status'], value: status }, ...(ended ? [ended] : [])];
      });
    default:
      throw new Refusal(
        400,
        'INVALID_ARGUMENT',
        'status must be not_started, in_progress, paused, completed or failed.',
      );
  }
  return read(task);
}

/** Changes what is stored, as it is at this moment. */
async function write(task: TaskRequest, change: Change): Promise<StoredDocument> {
  const { host } = task;
  for (let round = 1; ; round += 1) {
    const document = await read(task);
    const now = new Date(safeNow(host.clock ?? systemClock)).toISOString();
    const fields = change(document.data, now);
    if (fields.length === 0) return document;
    try {
      const updated = { path: ['updated_at'], value: now };
      const { path, version } = document;
      await host.store.commit([{ op: 'update', path, fields: [...fields, updated], ifVersion: version }]);
      return await read(task);
    } catch (thrown) {
      const code = (thrown as { code?: unknown } | null)?.code;
      if (code === 'not_found') throw noSuchTask();
      if (code === 'too_large') throw new Refusal(413, 'TOO_LARGE', 'The task has become too large.');
      if (code === 'invalid') throw new Refusal(400, 'INVALID_ARGUMENT', 'That cannot be stored.');
      if (code !== 'conflict') throw thrown;
      if (round === mostRounds) {
        const what = 'Others change the task at the same time. Try again shortly.';
        throw new Refusal(409, 'CONFLICT', what, { 'retry-after': '1' });
      }
    }
  }
}

async function read({ host, document }: TaskRequest): Promise<StoredDocument> {
  const [now] = await host.store.read([document.path]);
  if (!now) throw noSuchTask();
  return now;
}
