import { createTask, memoryStore, TaskExecutor } from 'task-execution-engine';

/** Events of a turn that says something and uses tools. */
export function* turnEvents({ text, uses = [] }) {
  let contentBlockIndex = 0;
  yield { messageStart: { role: 'assistant' } };
  yield { contentBlockDelta: { contentBlockIndex, delta: { text } } };
  yield { contentBlockStop: { contentBlockIndex } };
  for (const { id, name, input } of uses) {
    contentBlockIndex += 1;
    yield { contentBlockStart: { contentBlockIndex, start: { toolUse: { toolUseId: id, name } } } };
    yield { contentBlockDelta: { contentBlockIndex, delta: { toolUse: { input: JSON.stringify(input) } } } };
    yield { contentBlockStop: { contentBlockIndex } };
  }
  yield { messageStop: { stopReason: uses.length > 0 ? 'tool_use' : 'end_turn' } };
  const usage = { inputTokens: 9_000, outputTokens: 90, totalTokens: 9_090 };
  yield { metadata: { usage, metrics: { latencyMs: 5 } } };
}

/** A model that says what `turn(n)` returns for request n, from 0: `{ text, uses? }`. */
export function modelOf(turn) {
  let asked = 0;
  return {
    async *stream() {
      yield* turnEvents(turn(asked++));
    },
  };
}

/** A plan of one milestone. */
export function planOf(items) {
  return [{ name: 'The work', items: Array.from({ length: items }, (_, n) => ({ name: `Item ${n + 1}` })) }];
}

/**
 * A memory store that tells `onCommit` and `onRead` what it is asked for, and counts the microseconds that it takes:
 * a memory store works before it returns its promise.
 */
export function observedStore({ watch = true, onCommit = () => {}, onRead = () => {} } = {}) {
  const { watch: watchAll, ...inner } = memoryStore();
  const spent = { micros: 0 };
  const timed = (work) => {
    const began = performance.now();
    const settling = work();
    spent.micros += (performance.now() - began) * 1_000;
    return settling;
  };
  const store = {
    ...inner,
    commit(writes, options) {
      onCommit(writes);
      return timed(() => inner.commit(writes, options));
    },
    read(paths, options) {
      onRead(paths);
      return timed(() => inner.read(paths, options));
    },
    list(collection, options) {
      onRead([collection]);
      return timed(() => inner.list(collection, options));
    },
    ...(watch && { watch: watchAll }),
  };
  return { store, spent };
}

/**
 * Runs a task from its creation to its completion. `store` is what `observedStore` takes; it hears of nothing before
 * the task is there.
 */
export async function completedTask({ model, tools, items, store: observer, onExecutor = () => {} }) {
  let began = false;
  const heard = (listener) => (value) => began && listener?.(value);
  const { store } = observedStore({
    ...observer,
    onCommit: heard(observer.onCommit),
    onRead: heard(observer.onRead),
  });
  const host = { store, model, tools, defaults: { limits: { iterations: Infinity } } };
  const { id } = await createTask('u', { title: 'A task', milestones: planOf(items) }, host);
  began = true;
  const executor = new TaskExecutor(id, 'u', host);
  onExecutor(executor);
  await executor.start();
  const { status, error } = executor.outcome;
  if (status !== 'completed') throw new Error(`The task ended ${status}.`, { cause: error });
}
