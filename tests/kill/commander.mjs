/** One process that gives a task commands from elsewhere, as it is told, and says how they settled. */
import { createTaskEngine } from 'task-execution-engine';
import { openStore } from './stores.mjs';

const { taskId, userId, store, runOptions } = JSON.parse(process.argv[2]);
const engine = createTaskEngine({ store: await openStore(store) });
const lifecycle = engine.lifecycle(taskId, userId, runOptions);

process.on('message', async ({ id, command, args }) => {
  const begun = performance.now();
  const settled = (how) =>
    process.send({ id, at: Date.now(), ms: Math.round(performance.now() - begun), ...how });
  try {
    const value = await lifecycle[command](...args);
    settled({ value: value ?? null });
  } catch (error) {
    settled({ code: error.code ?? 'thrown', message: String(error.stack) });
  }
});
process.on('disconnect', () => process.exit());
if (!process.connected) process.exit();
process.send({ ready: true });
