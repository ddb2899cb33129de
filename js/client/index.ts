/** `task-execution-engine/client`: tasks on a server, from pages and processes. */
export { type TaskErrorCode, TaskExecutionError } from '../errors.js';
export type { TaskList } from '../server/listing.js';
export type { TaskSnapshot } from '../server/snapshot.js';
export type { TaskView } from '../server/view.js';
export {
  type HeadersLike,
  type TaskClient,
  type TaskClientOptions,
  type TaskHandle,
  type TaskListQuery,
  taskClient,
} from './client.js';
export type { TaskClientEvent, TaskClientEventsOptions } from './events.js';
