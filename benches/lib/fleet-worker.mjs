// A worker of benches/fleet.mjs, `node fleet-worker.mjs FILE working|waiting`: tasks on a SQLite file behind Restate, and the
// rival: a bare handler of Restate's that does the same steps by ctx.run. The model and the tools answer at once.
import '../../tests/fleet/node-22.mjs';
import * as restate from '@restatedev/restate-sdk';
import { configureTaskExecution } from 'task-execution-engine';
import { serveTasks } from 'task-execution-engine/restate';
import { sqliteStore } from 'task-execution-engine/sqlite';
import { turnEvents } from './world.mjs';

const [file, kind] = process.argv.slice(2);
const turns = 12;
const said = 's'.repeat(400);
const result = { found: 'r'.repeat(400) };

/** Four items of three turns, each with a call but the last; or one call that waits for a person. */
function turnOf(n) {
  if (kind === 'waiting') return { text: said, uses: [{ id: 'ask-1', name: 'ask', input: {} }] };
  return n % 3 === 2
    ? { text: said }
    : { text: said, uses: [{ id: `look-${n}`, name: 'look', input: { n } }] };
}

const inputSchema = { type: 'object' };
configureTaskExecution({
  store: sqliteStore(file),
  model: {
    async *stream({ messages }) {
      yield* turnEvents(turnOf(messages.filter(({ role }) => role === 'assistant').length));
    },
  },
  tools: {
    look: { description: 'Looks.', inputSchema, execute: () => result },
    ask: { description: 'Asks.', inputSchema, needsApproval: true, execute: () => 'done' },
  },
  defaults: { limits: { identicalToolCalls: Number.POSITIVE_INFINITY } },
});

const rival = restate.object({
  name: 'rival',
  handlers: {
    async run(ctx) {
      for (let n = 0; n < turns; n += 1) {
        const { uses = [] } = await ctx.run('turn', () => turnOf(n));
        for (const _ of uses) await ctx.run('call', () => result);
      }
      return { status: 'completed' };
    },
  },
});

const server = await serveTasks({ port: 0, sliceMs: kind === 'waiting' ? 1_000 : 45_000, services: [rival] });
process.send(server.port);
process.on('message', async () => {
  // What finalizers let go is collected by the next one.
  for (let round = 0; round < 5; round += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  process.send(process.memoryUsage());
});
process.on('disconnect', () => process.exit());
