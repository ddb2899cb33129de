import type { Milestone, StoredDocument, Task, TaskEvent, TaskItem } from '../types.js';
import { publicText } from './problem.js';

/** A task as the routes tell it: without `execution`, its progress the same for both shapes of the document. */
export interface TaskView extends Omit<Task, 'progress' | 'execution'> {
  /** The plan and how far it is. */
  progress: {
    /** The id of the milestone at work; empty where none is. */
    current_milestone: string;
    /** The id of the item at work; empty where none is. */
    current_task: string;
    /** 0 to 100. */
    overall_percentage: number;
    /** In the order of work. */
    milestones: Milestone[];
    /** Items by the id of their milestone. */
    tasks: Record<string, TaskItem[]>;
  };
}

/** Where a task keeps what it was made of, to know the same request when it comes again. */
export const requestHash = 'request_hash';

type Fields = Record<string, unknown>;

/** A task document for people. What others have written there may have any shape. */
export function viewOf({ path, data }: Pick<StoredDocument, 'path' | 'data'>): TaskView {
  const { execution: _, [requestHash]: __, ...task } = data;
  const id = path.slice(path.lastIndexOf('/') + 1);
  return { ...task, id, progress: flat(fieldsOf(data.progress)) } as unknown as TaskView;
}

function flat(progress: Fields): TaskView['progress'] {
  const newer = fieldsOf(progress.project);
  const overall = 'project' in progress ? fieldsOf(progress.progress).overall : progress.overall_percentage;
  const tasks = Object.entries(fieldsOf(progress.tasks)).map(([id, items]) => [
    id,
    listOf(items).map((item) => renamed(item, { completed_date: 'completed_at' })),
  ]);
  return {
    current_milestone: textOf(newer.current_milestone ?? progress.current_milestone),
    current_task: textOf(progress.current_task),
    overall_percentage: typeof overall === 'number' ? overall : 0,
    milestones: listOf(progress.milestones).map((milestone) =>
      renamed(milestone, { started: 'started_at', completed: 'completed_at' }),
    ) as Milestone[],
    // Own fields, whatever they are called.
    tasks: Object.fromEntries(tasks) as Record<string, TaskItem[]>,
  };
}

/** Fields of earlier documents by the names that they have now. */
function renamed(fields: Fields, names: Record<string, string>): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const now = Object.hasOwn(names, name) ? (names[name] as string) : name;
      return [now in fields ? name : now, value];
    }),
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** An object's fields; none of anything else. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** The objects of a list; none of anything else. */
export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

/** An event as viewers see it where the app does not say: of errors only what is meant for the public. */
export function publicEvent(event: TaskEvent): TaskEvent {
  if (event.type === 'task:error') {
    return { ...event, error: publicText({ code: event.code as never, message: event.error }) };
  }
  if (event.type !== 'task:run_ended' || !('error' in event.outcome)) return event;
  const { error } = event.outcome;
  const shown = {
    name: error.name,
    code: error.code,
    message: publicText(error),
    retryable: error.retryable,
  };
  return { ...event, outcome: { ...event.outcome, error: { ...shown, details: {} } as never } };
}
