/**
 * The service that apps keep their tasks by, as far as the engine uses it. Its methods are static and use `this`: they
 * are called on the service.
 */
export interface TaskDatabaseServiceLike {
  /** The task, or null where there is none. */
  getTask(userId: string, taskId: string): any;
  /** Sets the status, and what goes with it. */
  updateTaskStatus?(userId: string, taskId: string, status: any): any;
  /** Sets fields of the task, each as a whole. */
  updateTask?(userId: string, taskId: string, updates: any): any;
  /** Adds a message to the task's thread. */
  addMessage?(userId: string, taskId: string, role: any, content: string, metadata?: any): any;
}
