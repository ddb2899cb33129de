/** `task-execution-engine/restate`: tasks supervised by Restate. */

export type { SupervisionOptions, TaskServiceOptions } from './options.js';
export {
  type RestateRunner,
  type RestateRunnerOptions,
  restateRunner,
  type TaskOfUser,
} from './runner.js';
export type { Schedule } from './schedules.js';
export type { RestateSdk } from './sdk.js';
export { type ServeTasksOptions, serveTasks, type TaskServer } from './serve.js';
export { type RestateService, taskService } from './service.js';
