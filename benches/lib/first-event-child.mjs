// Run by ../first-event.mjs: prints milliseconds from before the import.
const began = performance.now();
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
executor.on('task:started', () => {
  firstEvent = since();
});
executor.on('task:message', () => {
  firstText ??= since();
});
await executor.start();
console.log(JSON.stringify({ imported, firstEvent, firstText }));
