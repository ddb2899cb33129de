'use client';
/** `task-execution-engine/react`: tasks on a server, in components. React 18 and newer. */
export { type TaskErrorCode, TaskExecutionError } from '../errors.js';
export type { TaskCommands, TaskPossibilities } from './commands.js';
export type { UsedTasks, UseTasksOptions } from './list-store.js';
export type {
  LiveMessage,
  LiveTask,
  LiveText,
  LiveTool,
  TaskProblem,
  TimelineEntry,
} from './live-task.js';
export { TaskProvider, type TaskProviderProps, useTaskClient } from './provider.js';
export type { InitialTask } from './state.js';
export type { UsedTask, UseTaskOptions } from './task-store.js';
export { useTask } from './use-task.js';
export { useTasks } from './use-tasks.js';
