/**
 * One process that wants to run a task to its end, and says what it is doing. Whatever keeps it from running is tried
 * again; a task that was paused, stopped or parked is gone on with when somebody says so.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTaskEngine } from 'task-execution-engine';
import { loggedTools, slowModel, statementOf } from './script.mjs';
import { openStore } from './stores.mjs';

const againMs = 250;
const facts = ['task:started', 'task:resumed', 'task:message_saved', 'task:tool_call', 'task:tool_result'];

const { taskId, userId, worker, effects, store, runOptions } = JSON.parse(process.argv[2]);

const tell = (message) => process.send?.(message);
const log = async (note) => {
  const body = JSON.stringify({ key: randomUUID(), ...note, taskId, worker });
  for (let left = 5; ; left--) {
    try {
      const response = await fetch(`http://${effects}/`, { method: 'POST', body });
      await response.text();
      return;
    } catch (error) {
      // the connection may have been given up while this process was stopped
      if (left === 0) throw error;
    }
  }
};
const logged = (note) => {
  log(note).catch((error) => tell({ trouble: String(error) }));
};

const engine = createTaskEngine({
  store: await openStore(store, (committing) => tell({ committing })),
  model: slowModel((streaming) => {
    if (streaming) logged({ what: 'asked', began: Date.now() });
    tell({ streaming });
  }),
  tools: loggedTools(log, (running) => tell({ running })),
  prompt: ({ item }) => statementOf(item),
});
const executor = engine.executor(taskId, userId, runOptions);
for (const name of facts) {
  executor.on(name, ({ seq, epoch }) => tell({ fact: { seq, epoch } }));
}
executor.on('task:tool_result', ({ toolCallId }) =>
  logged({ what: 'stored', toolCallId, began: Date.now() }),
);
process.on('disconnect', () => process.exit());
if (!process.connected) process.exit();

const told = () =>
  new Promise((resolve) => {
    process.once('message', ({ go }) => resolve(go));
  });

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
  const waits = ['paused', 'stopped', 'failed'].includes(status);
  const go = waits ? told() : undefined;
  tell({ outcome: { status, reason, code: error?.code, message: error?.message, waits } });
  if (status === 'completed') break;
  if (!waits) await sleep(againMs);
  command = (await go) ?? 'run';
}
process.exit();
