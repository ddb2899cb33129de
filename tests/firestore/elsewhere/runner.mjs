// Runs one task in a process of its own, from what is built in pkg/, and tells on stdout what happens, a line each.
import { Firestore } from '@google-cloud/firestore';
import { firestoreRestStore, firestoreStore } from '../../../pkg/firestore.js';
import { createTaskEngine } from '../../../pkg/index.js';

const [adapter, host, projectId, taskId, script] = process.argv.slice(2);
const store =
  adapter === 'sdk'
    ? firestoreStore(new Firestore({ projectId, host, ssl: false }), { emulator: true })
    : firestoreRestStore({ projectId, host });

const text = (words, stopReason = 'end_turn') => [
  { messageStart: { role: 'assistant' } },
  { contentBlockDelta: { contentBlockIndex: 0, delta: { text: words } } },
  { contentBlockStop: { contentBlockIndex: 0 } },
  { messageStop: { stopReason } },
];
const calling = (name) => [
  { messageStart: { role: 'assistant' } },
  { contentBlockStart: { contentBlockIndex: 0, start: { toolUse: { toolUseId: 'call-1', name } } } },
  { contentBlockDelta: { contentBlockIndex: 0, delta: { toolUse: { input: '{}' } } } },
  { contentBlockStop: { contentBlockIndex: 0 } },
  { messageStop: { stopReason: 'tool_use' } },
];
const model = {
  async *stream({ messages }, { signal }) {
    const answered = messages.some(({ content }) => content.some((block) => block.toolResult));
    if (
      script === 'stalls' ||
      (script === 'listens' && !JSON.stringify(messages).includes('from elsewhere'))
    ) {
      yield* text('Thinking').slice(0, 2);
      if (script === 'stalls') {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
      yield* text('').slice(2);
      return;
    }
    yield* answered || script === 'listens'
      ? text(`Heard: ${JSON.stringify(messages.at(-1).content)}`)
      : calling(script);
  },
};
const tool = { description: 'Does something.', inputSchema: { type: 'object' } };
const engine = createTaskEngine({
  store,
  model,
  tools: {
    guarded: { ...tool, needsApproval: true, execute: () => 'it ran' },
    question: tool,
  },
  defaults: { leaseTtlMs: 2_400, graceMs: 300, idleTimeoutMs: 600_000 },
});
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const run = engine.executor(taskId, 'u').run();
for await (const event of run) {
  if (event.type !== 'task:run_ended') say(event);
}
const { status, reason, text: said, error } = await run.outcome;
say({ type: 'outcome', status, reason, text: said, code: error?.code });
process.exit(0);
