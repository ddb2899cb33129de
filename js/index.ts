export { configureTaskExecution, type HostResolver, type TaskIds } from './api/config.js';
export { createTask } from './api/create-task.js';
export { drainTaskExecution } from './api/drain.js';
export {
  type AnyListener,
  type OtherEvent,
  TaskEmitter,
  type TaskListener,
  type TypedEmitter,
} from './api/emitter.js';
export { createTaskEngine, type TaskEngine } from './api/engine.js';
export type { EventsOptions } from './api/events.js';
export { TaskExecutor, type TaskRunOptions } from './api/executor.js';
export { TaskLifecycle } from './api/lifecycle.js';
export { TaskPersistence } from './api/persistence.js';
export { content } from './content.js';
export {
  type TaskErrorCode,
  type TaskErrorJson,
  type TaskErrorOptions,
  TaskExecutionError,
} from './errors.js';
export { type MemoryStoreOptions, memoryStore } from './stores/memory.js';
export { jsonSchema, type ToolDefinition, tool } from './tools/tool.js';
export type * from './types.js';
export { version } from './wasm.js';
