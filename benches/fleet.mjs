// What a fleet does in a second, and what a task of it holds while it waits (lib/fleet.mjs); and what one costs its store: documents read and written by a task of twelve turns with a call each, by one that
// waits for a person, and by a look at it, as a worker or Restate has it; and that in dollars of Firestore's list prices.
import { createTaskEngine } from 'task-execution-engine';
import { held, throughput } from './lib/fleet.mjs';
import { rounded } from './lib/numbers.mjs';
import { modelOf, observedStore, planOf } from './lib/world.mjs';

const turns = 12;
/** Dollars for 100,000 of each: cloud.google.com/firestore/pricing, us-central1, November 2026. */
const prices = { read: 0.03, write: 0.09 };

const schema = { type: 'object' };
const tools = {
  look: { description: 'Looks.', inputSchema: schema, execute: () => ({ found: 'r'.repeat(400) }) },
  ask: { description: 'Asks.', inputSchema: schema, needsApproval: true, execute: () => 'done' },
};

/** An engine whose store is counted. */
function counted(turn) {
  const counts = { reads: 0, writes: 0 };
  const { store } = observedStore({
    watch: false,
    onCommit: (writes) => {
      counts.writes += writes.length;
    },
    onRead: (paths) => {
      counts.reads += paths.length;
    },
  });
  const defaults = { limits: { identicalToolCalls: Number.POSITIVE_INFINITY } };
  return { counts, store, engine: createTaskEngine({ store, model: modelOf(turn), tools, defaults }) };
}

async function run({ engine, counts }, items) {
  const { id } = await engine.createTask('u', { title: 'A task', milestones: planOf(items) });
  await engine.lifecycle(id, 'u').start();
  const { status, reason, error } = await engine.executor(id, 'u').run({ whileWaiting: 'yield' }).outcome;
  if (status === 'failed') throw error;
  return { id, how: reason ?? status, ...counts };
}

const said = 's'.repeat(400);

/** Four items of three turns, each with a call but the last. */
async function working() {
  const use = (n) => ({ text: said, uses: [{ id: `look-${n}`, name: 'look', input: { n } }] });
  const { how, reads, writes } = await run(
    counted((n) => (n % 3 === 2 ? { text: said } : use(n))),
    turns / 3,
  );
  if (how !== 'completed') throw new Error(`the task is ${how}`);
  return { reads, writes };
}

async function waiting() {
  const world = counted(() => ({ text: said, uses: [{ id: 'ask-1', name: 'ask', input: {} }] }));
  const { id, how } = await run(world, 1);
  if (how !== 'waiting') throw new Error(`the task is ${how}`);
  const before = { ...world.counts };
  // as a worker that keeps it in mind, and as Restate, which keeps nothing
  await world.store.read([`users/u/tasks/${id}/engine/head`]);
  await world.store.list(`users/u/tasks/${id}/inbox`, { limit: 1 });
  const worker = world.counts.reads - before.reads;
  await world.engine.lifecycle(id, 'u').state();
  const restate = world.counts.reads - before.reads;
  return { worker, restate, writes: world.counts.writes - before.writes };
}

/** With a server and processes only where it is asked for more than what is the same everywhere. */
export default async function measure({ isCheck }) {
  const { reads, writes } = await working();
  const look = await waiting();
  const dollars = (reads * prices.read + writes * prices.write) / 100;
  return [
    { name: `documents written by a task of ${turns} turns`, unit: '', value: writes },
    { name: 'documents read by it', unit: '', value: reads },
    { name: '1,000 such tasks on Firestore', unit: '$', value: rounded(dollars, 3) },
    { name: 'reads of a look at a waiting task, work', unit: '', value: look.worker },
    { name: 'reads of a look at a waiting task, Restate', unit: '', value: look.restate },
    { name: 'writes of such a look', unit: '', value: look.writes, budget: 0 },
    ...(isCheck ? [] : [...(await throughput()), ...(await held())]),
  ];
}
