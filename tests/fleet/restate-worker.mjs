/** A worker for Restate: serves the tasks of world.mjs on the port that it is told, and drains at SIGTERM. */
import './node-22.mjs';
import './world.mjs';
import { serveTasks } from 'task-execution-engine/restate';

const server = await serveTasks(JSON.parse(process.env.SERVE));
console.log(`serving on ${server.port}`);
process.on('SIGTERM', async () => {
  await server.close();
  process.exit();
});
