/**
 * One process that wants to run a task to its end, and says what it is doing. Whatever keeps it from running is tried
 * again; a task that was parked is resumed, as its user would do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createTaskEngine } from 'task-execution-engine';
import { firestoreRestStore, firestoreStore } from 'task-execution-engine/firestore';
import { loggedTools, slowModel, statementOf } from './script.mjs';

const againMs = 250;
const facts = ['task:started', 'task:resumed', 'task:message_saved', 'task:tool_call', 'task:tool_result'];

const { taskId, userId, worker, effects, host, projectId, sdk, timeoutMs, runOptions } = JSON.parse(
  process.argv[2],
);

const tell = (message) => process.send?.(message);
const log = async (note) => {
  const body = JSON.stringify({ ...note, taskId, worker });
  const response = await fetch(`http://${effects}/`, { method: 'POST', body });
  await response.text();
};

async function openStore() {
  if (!sdk) return firestoreRestStore({ projectId, host, timeoutMs });
  process.env.FIRESTORE_EMULATOR_HOST = host;
  const { Firestore } = await import('@google-cloud/firestore');
  return firestoreStore(new Firestore({ projectId }), { timeoutMs });
}

const engine = createTaskEngine({
  store: await openStore(),
  model: slowModel((streaming) => tell({ streaming })),
  tools: loggedTools(log, (running) => tell({ running })),
  prompt: ({ item }) => statementOf(item),
});
const executor = engine.executor(taskId, userId, runOptions);
for (const name of facts) {
  executor.on(name, ({ seq, epoch }) => tell({ fact: { seq, epoch } }));
}
executor.on('task:tool_result', ({ toolCallId }) => {
  log({ what: 'stored', toolCallId }).catch((error) => tell({ trouble: String(error) }));
});
process.on('disconnect', () => process.exit());

async function attempt(command) {
  if (command === 'run') return executor.run().outcome;
  try {
    await executor.resume();
    return executor.outcome;
  } catch (error) {
    return { status: 'refused', error };
  }
}

let command = 'run';
for (;;) {
  const { status, reason, error } = await attempt(command);
  tell({ outcome: { status, reason, code: error?.code, message: error?.message } });
  if (status === 'completed') break;
  command = status === 'failed' || status === 'paused' ? 'resume' : 'run';
  await sleep(againMs);
}
process.exit();
