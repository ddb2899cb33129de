// Runs a task in a process of its own, on a SQLite file, with text that says when it was said: `node elsewhere.mjs FILE ID`.
import { createTaskEngine } from 'task-execution-engine';
import { sqliteStore } from 'task-execution-engine/sqlite';

const [file, id] = process.argv.slice(2);
const seconds = 12;
const pauseMs = 50;

const model = {
  async *stream() {
    yield { messageStart: { role: 'assistant' } };
    for (let n = 0; n < (seconds * 1_000) / pauseMs; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: `@${Date.now()} and so on, ` } } };
    }
    yield { messageStop: { stopReason: 'end_turn' } };
  },
};
await createTaskEngine({ store: sqliteStore(file), model })
  .executor(id, 'u')
  .run({ liveMs: 1_000 }).outcome;
