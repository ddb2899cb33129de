/**
 * Configures a worker process of the fleet tests, by the JSON in FLEET: the store, the effect log, and how long things
 * take. What the model says and what the tools do is the kill test's.
 */
import { randomUUID } from 'node:crypto';
import { configureTaskExecution } from 'task-execution-engine';
import { loggedTools, slowModel, statementOf } from '../kill/script.mjs';
import { openStore } from '../kill/stores.mjs';

const { store, effects, worker, defaults, failFirst = 0 } = JSON.parse(process.env.FLEET);

async function log(taskId, note) {
  if (effects === undefined) return;
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
}

/** Says nothing the first times it is asked. */
function failing(model, times) {
  let left = times;
  return {
    stream(request, options) {
      if (left-- > 0) throw new Error('the line is dead');
      return model.stream(request, options);
    },
  };
}

export const host = {
  store: await openStore(store),
  model: failing(
    slowModel(() => {}),
    failFirst,
  ),
  async tools({ id }) {
    // a run asks for its tools once it has the task
    await log(id, { what: 'opened' });
    return loggedTools(
      (note) => log(id, note),
      () => {},
    );
  },
  prompt: ({ item }) => statementOf(item),
  defaults,
};

configureTaskExecution(host);
