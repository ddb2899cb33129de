// A task of 1,000 turns in Google's emulator, over the REST store: what a step writes and asks for, how long a commit
// takes, and how long it takes until another process has read the task back and asks the model again.
import { randomUUID } from 'node:crypto';
import { createTaskEngine } from 'task-execution-engine';
import { firestoreRestStore } from 'task-execution-engine/firestore';
import { bytesWritten, planWritten, sumOf, textOf } from './lib/bytes.mjs';
import { startEmulator } from './lib/emulator.mjs';
import { rounded, spread } from './lib/numbers.mjs';
import { modelOf } from './lib/world.mjs';

const turns = 1_000;
const resumes = 5;
const said = 's'.repeat(400);
const found = 'r'.repeat(400);

/** A store that counts what goes over the wire, and keeps the writes that it is given. */
function observed(project) {
  const seen = { calls: [], commits: [] };
  const store = firestoreRestStore({
    ...project,
    async fetch(url, init) {
      const began = performance.now();
      const response = await fetch(url, init);
      const text = await response.text();
      const call = { method: String(url).split(':').at(-1), sent: Buffer.byteLength(init.body) };
      seen.calls.push({ ...call, received: Buffer.byteLength(text), ms: performance.now() - began });
      return new Response(text, response);
    },
  });
  const { commit } = store;
  store.commit = (writes, options) => {
    seen.commits.push(writes);
    return commit(writes, options);
  };
  return { store, seen };
}

/** Works with a tool at every turn, then says nothing until it is paused. */
function busyModel({ onLast, onRequest }) {
  const turn = (n) => ({
    text: `${n} ${said}`,
    uses: [{ id: `look-${n}`, name: 'look', input: { path: `src/file-${n}.ts` } }],
  });
  const model = modelOf(turn);
  let asked = 0;
  return {
    stream(request, options) {
      onRequest(request);
      asked += 1;
      if (asked <= turns) return model.stream(request);
      onLast();
      return silent(options.signal);
    },
  };
}

async function* silent(signal) {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

const tools = { look: { description: 'Looks.', inputSchema: { type: 'object' }, execute: () => found } };
const defaults = { limits: { iterations: Infinity, minutes: Infinity } };

async function history(project) {
  const { store, seen } = observed(project);
  const requests = [];
  let messages;
  let executor;
  const model = busyModel({
    onRequest: (request) => {
      messages = request.messages;
      requests.push(seen.calls.length);
    },
    onLast: () => executor.pause(),
  });
  const engine = createTaskEngine({ store, model, tools, defaults });
  const { id } = await engine.createTask('u', { title: 'A task' });
  executor = engine.executor(id, 'u');
  await executor.start();
  expectStatus(executor, 'paused');
  return { id, seen, messages, requests };
}

/** Milliseconds from resume() to the first request, which has the whole conversation. */
async function resumed(project, id) {
  const { store, seen } = observed(project);
  let asked;
  let executor;
  const model = {
    stream(_request, { signal }) {
      asked ??= performance.now();
      executor.pause();
      return silent(signal);
    },
  };
  executor = createTaskEngine({ store, model, tools, defaults }).executor(id, 'u');
  await executor.state();
  const before = seen.calls.length;
  const began = performance.now();
  await executor.resume();
  expectStatus(executor, 'paused');
  const lists = seen.calls.slice(before).filter(({ method }) => method === 'runQuery');
  return { ms: asked - began, pages: lists.filter(({ received }) => received > 2_000).length };
}

function expectStatus({ outcome }, status) {
  if (outcome.status !== status) {
    throw new Error(`The run ended ${outcome.status}, not ${status}.`, { cause: outcome.error });
  }
}

function percentile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return rounded(sorted[Math.floor((sorted.length - 1) * share)], 1);
}

function costs({ seen, messages, requests }) {
  const entry = (commit) => commit.find(({ path }) => path.includes('/journal/'))?.data.kinds;
  const journaled = seen.commits.filter(entry);
  const count = (kind) => journaled.filter((commit) => entry(commit).includes(kind)).length;
  const own = journaled.filter((commit) => ['turn', 'result'].some((kind) => entry(commit).includes(kind)));
  const text = sumOf(messages, ({ content }) => sumOf(content, textOf));
  const stored = sumOf(own.flat(), bytesWritten);
  const budget = 2 * text + own.length * 1_536 + sumOf(own.flat(), planWritten);
  // between one request to the model and the next
  const asks = requests.slice(1).map((end, n) => {
    const between = seen.calls.slice(requests[n], end);
    return between.filter(({ method }) => method !== 'commit').length;
  });
  const wire = sumOf(seen.calls, ({ sent, received }) => sent + received);
  const commits = seen.calls.filter(({ method }) => method === 'commit').map(({ ms }) => ms);
  return [
    { name: 'Firestore: commits per turn', unit: '', budget: 1, value: rounded(count('turn') / turns, 3) },
    {
      name: 'Firestore: commits per result',
      unit: '',
      budget: 1,
      value: rounded(count('result') / turns, 3),
    },
    { name: 'Firestore: reads per safe point, at most', unit: '', budget: 2, value: Math.max(...asks) },
    {
      name: 'Firestore: bytes stored per step',
      unit: 'bytes',
      value: Math.round(stored / turns),
      budget: Math.round(budget / turns),
    },
    { name: 'Firestore: documents per step', unit: '', value: rounded(own.flat().length / turns, 2) },
    { name: 'Firestore: round trips per step', unit: '', value: rounded(seen.calls.length / turns, 2) },
    { name: 'Firestore: bytes on the wire per step', unit: 'bytes', value: Math.round(wire / turns) },
    { name: 'Firestore: commit, p50', unit: 'ms', value: percentile(commits, 0.5) },
    { name: 'Firestore: commit, p95', unit: 'ms', value: percentile(commits, 0.95) },
  ];
}

export default async function measure() {
  const emulator = await startEmulator();
  try {
    const project = { projectId: `p-${randomUUID()}`, host: emulator.host };
    const made = await history(project);
    const taken = [];
    for (let n = 0; n < resumes; n += 1) taken.push(await resumed(project, made.id));
    const { value, least, most } = spread(taken.map(({ ms }) => Math.round(ms)));
    return [
      ...costs(made),
      {
        name: 'Firestore: resume of 1,000 turns',
        unit: 'ms',
        budget: 1_000,
        ceiling: 2_000,
        value,
        least,
        most,
      },
      { name: 'Firestore: pages read to resume', unit: '', value: taken[0].pages },
    ];
  } finally {
    await emulator.stop();
  }
}
