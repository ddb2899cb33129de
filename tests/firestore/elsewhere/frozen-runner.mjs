// Runs one task in a process of its own, from what is built in pkg/: one that stands still at a certain point, by its own
// fault or because it is stopped. Tells on stdout what happens, a line each.
import { appendFileSync } from 'node:fs';
import { firestoreRestStore } from '../../../pkg/firestore.js';
import { createTask, createTaskEngine, memoryStore } from '../../../pkg/index.js';
import { sqliteStore } from '../../../pkg/sqlite.js';

const { store: where, name, server, log, scene, ttlMs, stillMs } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const stores = {
  memory: () => memoryStore(),
  sqlite: () => sqliteStore(where.file),
  rest: () => firestoreRestStore(where),
};
const store = stores[where.kind]();
const asked = (path) => fetch(`http://${server}/${path}?by=${name}`);

const deltas = (words) => ({ contentBlockDelta: { contentBlockIndex: 0, delta: { text: words } } });
const model = {
  async *stream({ messages }, { signal }) {
    appendFileSync(log, `${JSON.stringify({ what: 'model', by: name })}\n`);
    yield { messageStart: { role: 'assistant' } };
    const answered = messages.some(({ content }) => content.some((block) => block.toolResult));
    if (scene === 'streams' && name === 'first') {
      // what comes in while the process is stopped lies in its socket
      const response = await fetch(`http://${server}/words`, { signal });
      say({ type: 'streaming' });
      for await (const words of response.body.pipeThrough(new TextDecoderStream())) yield deltas(words);
    } else if (answered || scene === 'streams') {
      yield deltas('Done.');
    } else {
      yield {
        contentBlockStart: { contentBlockIndex: 0, start: { toolUse: { toolUseId: 'c1', name: 'work' } } },
      };
      yield { contentBlockDelta: { contentBlockIndex: 0, delta: { toolUse: { input: '{}' } } } };
    }
    yield { contentBlockStop: { contentBlockIndex: 0 } };
    yield { messageStop: { stopReason: answered || scene === 'streams' ? 'end_turn' : 'tool_use' } };
  },
};
const work = {
  description: 'Works.',
  inputSchema: { type: 'object' },
  // shorter than the process stands still
  ...(scene === 'streams' ? {} : { timeoutMs: stillMs / 2 }),
  async execute() {
    appendFileSync(log, `${JSON.stringify({ what: 'tool', by: name })}\n`);
    if (scene === 'blocks') {
      say({ type: 'blocking' });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stillMs);
      return 'blocked';
    }
    say({ type: 'working' });
    return (await asked('answer')).text();
  },
};
const taskId = 'frozen';
if (where.kind === 'memory') await createTask('u', { id: taskId, title: 'Work' }, { store });
const engine = createTaskEngine({
  store,
  model,
  tools: { work },
  defaults: {
    leaseTtlMs: ttlMs,
    graceMs: 1_000,
    idleTimeoutMs: scene === 'streams' ? { first: 60_000, between: stillMs / 2 } : 60_000,
    waitForLeaseMs: 120_000,
  },
});
const run = engine.executor(taskId, 'u').run();
for await (const { type, code } of run) say({ type, code });
const { status, reason, error, unfinished, text } = await run.outcome;
say({ type: 'outcome', status, reason, code: error?.code, unfinished, text });
if (where.kind === 'memory') {
  const kinds = [];
  for await (const entry of engine.persistence(taskId, 'u').journal()) kinds.push(...entry.kinds);
  say({ type: 'journal', kinds });
}
process.exit(0);
