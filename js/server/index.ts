/** `task-execution-engine/server`: tasks over HTTP. */

export type { TaskPatch } from './edits.js';
export type { StreamEnd, TaskStreamEvent } from './follower.js';
export type { TaskList } from './listing.js';
export type {
  Awaitable,
  RouteCommand,
  RouteLimits,
  RouteRunOptions,
  RouteStreamOptions,
  TaskRoutesOptions,
} from './options.js';
export type { ProblemJson, RequestErrorCode } from './problem.js';
export { createTaskRoutes, type RouteHandler, type TaskRoutes } from './routes.js';
export type { TaskSnapshot } from './snapshot.js';
export {
  type ResumeUnfinishedOptions,
  resumeUnfinished,
  type UnfinishedTask,
  type UnfinishedTasksOptions,
  unfinishedTasks,
} from './sweep.js';
export type { TaskView } from './view.js';
