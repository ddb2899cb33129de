/** A worker for Restate: serves the tasks of world.mjs on the port that it is told, and drains at SIGTERM. */
import './world.mjs';

// Restate's SDK is written for Node 22, which has it; the tests run on 20 too.
Promise.withResolvers ??= function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
};
const { serveTasks } = await import('task-execution-engine/restate');

const server = await serveTasks(JSON.parse(process.env.SERVE));
console.log(`serving on ${server.port}`);
process.on('SIGTERM', async () => {
  await server.close();
  process.exit();
});
