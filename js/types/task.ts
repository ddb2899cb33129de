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
  /** Unique within the plan. */
  id: string;
  /** What people call it. */
  name: string;
  /** What it is about. */
  description: string;
  /** Follows its items. */
  status: PlanStatus;
  /** Percent of its items that are done, 0 to 100. */
  progress: number;
  /** How many of its items are done. */
  tasks_completed: number;
  /** How many items it has. */
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
  /** Unique within its milestone. */
  id: string;
  /** What people call it. */
  name: string;
  /** What is to be done: the model is told. */
  description: string;
  /** Set by the engine as it works, or by others. */
  status: PlanStatus;
  /** The app's own. */
  estimated_hours?: number;
  /** ISO 8601: when it was done. */
  completed_at?: string;
  /** The same in earlier documents. */
  completed_date?: string;
  /** The app's own. */
  notes?: string;
}

/** Progress as older documents have it. */
export interface OlderProgress extends OpenDocument {
  /** The id of the milestone at work. */
  current_milestone?: string;
  /** The id of the item at work. */
  current_task?: string;
  /** The mean of the milestones, 0 to 100. */
  overall_percentage: number;
  /** In the order of work. */
  milestones: Milestone[];
  /** Items by the id of their milestone. */
  tasks: Record<string, TaskItem[]>;
}

/** Progress as newer documents have it: told by `project`. */
export interface NewerProgress extends OpenDocument {
  /** What the work is about; its presence tells this shape from the older one. */
  project: {
    /** The project's name. */
    name: string;
    /** The project's version. */
    version?: string;
    /** When it began, ISO 8601. */
    started?: string;
    /** not_started, in_progress or completed: follows the plan. */
    status?: string;
    /** The id of the milestone at work. */
    current_milestone?: string;
    /** What the project is. */
    description?: string;
  } & OpenDocument;
  /** In the order of work. */
  milestones: Milestone[];
  /** Items by the id of their milestone. */
  tasks: Record<string, TaskItem[]>;
  /** How far it is, in percent; the engine sets `overall` alone. */
  progress?: {
    /** 0 to 100; the app's own. */
    planning?: number;
    /** 0 to 100; the app's own. */
    implementation?: number;
    /** 0 to 100; the app's own. */
    testing?: number;
    /** 0 to 100; the app's own. */
    documentation?: number;
    /** 0 to 100: the rounded mean of the milestones. */
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
  /** Messages of the conversation: the first run begins with them, and never writes them. */
  api_messages?: unknown[];
  /** Messages of the thread, as older engines kept them. */
  task_messages?: unknown[];
  /** Results of tools, as older engines kept them. */
  tool_results?: unknown[];
  /** Why the task failed. */
  error?: string;
  /** Why the task was stopped; its presence tells a stop from a pause. */
  abort_reason?: string;
}

/** A task document. `id` is not stored: it is the document's own. */
export interface Task extends OpenDocument {
  /** The document's own; not stored in it. */
  id: string;
  /** Whose task it is. */
  user_id: string;
  /** What people call it. */
  title: string;
  /** What it is about: the model is told. */
  description: string;
  /** Where it stands; a stop is stored as `paused`. */
  status: TaskStatus;
  /** ISO 8601; tells the task from another that is made under its id later. */
  created_at: string;
  /** ISO 8601: the last change. */
  updated_at: string;
  /** ISO 8601: when it first began. */
  started_at?: string;
  /** ISO 8601: when it was completed. */
  completed_at?: string;
  /** The plan and how far it is. */
  progress: OlderProgress | NewerProgress;
  /** How the last run ended, and what older engines wrote. */
  execution?: TaskExecution;
  /** How it wants to be run. */
  config: TaskConfig;
  /** The app's own. */
  metadata?: {
    /** The conversation that it came from. */
    conversation_id?: string;
    /** The task that it is part of. */
    parent_task_id?: string;
    /** Words to find it by. */
    tags?: string[];
  } & OpenDocument;
  /** Newer documents. */
  machine_id?: string;
  /** Newer documents. */
  working_directory?: string;
}

/** What `createTask` makes a document of. */
export interface NewTask {
  /** Made by the caller: a call that is made again with it returns the task that is there. Default: a new one. */
  id?: string;
  /** What people call it; not blank. */
  title: string;
  /** Default ''. */
  description?: string;
  /** Defaults: no system prompt, `auto_approve: true`. */
  config?: Partial<TaskConfig>;
  /** Default 'default'. */
  machine_id?: string;
  /** Default ''. */
  working_directory?: string;
  /** The app's own. */
  metadata?: Task['metadata'];
  /** The plan. Without one the task is a single item: its title and description. */
  milestones?: NewMilestone[];
}

/** A milestone of a new task. Fields of the app's own are kept. */
export interface NewMilestone {
  /** What people call it; not blank. */
  name: string;
  /** What it is about. Default ''. */
  description?: string;
  /** In the order of work. */
  items: NewTaskItem[];
  [field: string]: unknown;
}

/** An item of a new task. Fields of the app's own are kept. */
export interface NewTaskItem {
  /** What people call it; not blank. */
  name: string;
  /** What is to be done: the model is told. Default ''. */
  description?: string;
  /** The app's own. */
  estimated_hours?: number;
  [field: string]: unknown;
}
