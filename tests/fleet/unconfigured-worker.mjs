/** A worker for Restate whose module never called `configureTaskExecution()`. */
import './node-22.mjs';
import { serveTasks } from 'task-execution-engine/restate';

const server = await serveTasks(JSON.parse(process.env.SERVE));
console.log(`serving on ${server.port}`);
