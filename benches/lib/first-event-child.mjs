// Run by ../first-event.mjs: prints milliseconds from before the import.
const began = performance.now();
const cpuBegan = process.cpuUsage();
const { createTask, memoryStore, TaskExecutor } = await import('task-execution-engine');
const since = () => performance.now() - began;
const imported = since();

const model = {
  async *stream() {
    yield { messageStart: { role: 'assistant' } };
    yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'Hello.' } } };
    yield { contentBlockStop: { contentBlockIndex: 0 } };
    yield { messageStop: { stopReason: 'end_turn' } };
  },
};
const host = { store: memoryStore(), model };
const { id } = await createTask('u', { title: 'A task' }, host);
const executor = new TaskExecutor(id, 'u', host);
let firstEvent;
let firstText;
let firstEventCpu;
executor.on('task:started', () => {
  firstEvent = since();
  const { user, system } = process.cpuUsage(cpuBegan);
  firstEventCpu = (user + system) / 1_000;
});
executor.on('task:message', () => {
  firstText ??= since();
});
await executor.start();
console.log(JSON.stringify({ imported, firstEvent, firstEventCpu, firstText }));
