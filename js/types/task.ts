/** The app's own documents, as they are stored. Times are ISO 8601 strings in UTC. */

/** Fields that the engine does not know; they are kept. */
export interface OpenDocument {
  [field: string]: any;
}

/** The five statuses a task can be stored with. A stopped task is stored as `paused`. */
export type TaskStatus = 'not_started' | 'in_progress' | 'paused' | 'completed' | 'failed';

/** What can be asked of a task's lifecycle. */
export type TaskCommand = 'start' | 'resume' | 'pause' | 'stop';

/** The status of a milestone or an item of the plan. */
export type PlanStatus = 'not_started' | 'in_progress' | 'completed';

/** A group of items of the plan. `progress` is a percentage, 0 to 100. */
export interface Milestone extends OpenDocument {
  id: string;
  name: string;
  description: string;
  status: PlanStatus;
  progress: number;
  tasks_completed: number;
  tasks_total: number;
  /** Newer documents. */
  started_at?: string;
  /** Newer documents. */
  completed_at?: string;
  /** Older documents. */
  started?: string;
  /** Older documents. */
  completed?: string;
}

/** One piece of work of the plan. */
export interface TaskItem extends OpenDocument {
  id: string;
  name: string;
  description: string;
  status: PlanStatus;
  estimated_hours?: number;
  completed_at?: string;
  completed_date?: string;
  notes?: string;
}

/** Progress as older documents have it. */
export interface OlderProgress extends OpenDocument {
  current_milestone?: string;
  current_task?: string;
  overall_percentage: number;
  milestones: Milestone[];
  /** Items by the id of their milestone. */
  tasks: Record<string, TaskItem[]>;
}

/** Progress as newer documents have it: told by `project`. */
export interface NewerProgress extends OpenDocument {
  project: {
    name: string;
    version?: string;
    started?: string;
    status?: string;
    current_milestone?: string;
    description?: string;
  } & OpenDocument;
  milestones: Milestone[];
  /** Items by the id of their milestone. */
  tasks: Record<string, TaskItem[]>;
  progress?: {
    planning?: number;
    implementation?: number;
    testing?: number;
    documentation?: number;
    overall?: number;
  } & OpenDocument;
}

/** How a task wants to be run. */
export interface TaskConfig extends OpenDocument {
  /** Sent as the system prompt; blank: none is sent. */
  system_prompt: string;
  /** False: every tool call waits for approval. */
  auto_approve: boolean;
  /** Model calls before the task pauses. Default 500. */
  max_iterations?: number;
  /** The model's id; overrides the adapter's. */
  model?: string;
  /** Active minutes before the task pauses. Default 120. */
  timeout_minutes?: number;
}

/** What older engines wrote into the task document, and why the last run ended. */
export interface TaskExecution extends OpenDocument {
  api_messages?: unknown[];
  task_messages?: unknown[];
  tool_results?: unknown[];
  /** Why the task failed. */
  error?: string;
  /** Why the task was stopped; its presence tells a stop from a pause. */
  abort_reason?: string;
}

/** A task document. `id` is not stored: it is the document's own. */
export interface Task extends OpenDocument {
  id: string;
  user_id: string;
  title: string;
  description: string;
  status: TaskStatus;
  created_at: string;
  updated_at: string;
  started_at?: string;
  completed_at?: string;
  progress: OlderProgress | NewerProgress;
  execution?: TaskExecution;
  config: TaskConfig;
  metadata?: { conversation_id?: string; parent_task_id?: string; tags?: string[] } & OpenDocument;
  /** Newer documents. */
  machine_id?: string;
  /** Newer documents. */
  working_directory?: string;
}

/** What `createTask` makes a document of. */
export interface NewTask {
  /** Made by the caller: a call that is made again with it returns the task that is there. Default: a new one. */
  id?: string;
  title: string;
  /** Default ''. */
  description?: string;
  /** Defaults: no system prompt, `auto_approve: true`. */
  config?: Partial<TaskConfig>;
  /** Default 'default'. */
  machine_id?: string;
  /** Default ''. */
  working_directory?: string;
  metadata?: Task['metadata'];
  /** The plan. Without one the task is a single item: its title and description. */
  milestones?: NewMilestone[];
}

/** A milestone of a new task. Fields of the app's own are kept. */
export interface NewMilestone {
  name: string;
  description?: string;
  items: NewTaskItem[];
  [field: string]: unknown;
}

/** An item of a new task. Fields of the app's own are kept. */
export interface NewTaskItem {
  name: string;
  description?: string;
  estimated_hours?: number;
  [field: string]: unknown;
}
