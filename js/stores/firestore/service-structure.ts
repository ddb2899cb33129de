/**
 * The service that apps keep their tasks by, as far as the engine uses it. Its methods are static and use `this`: they
 * are called on the service.
 */
export interface TaskDatabaseServiceLike {
  /** The task, or null where there is none. */
  getTask(userId: string, taskId: string): any;
  /** Sets the status. */
  updateTaskStatus?(userId: string, taskId: string, status: any): any;
}
