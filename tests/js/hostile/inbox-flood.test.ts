import { expect, test, vi } from 'vitest';
import { memoryStore, TaskExecutor, type TaskStore } from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { StoredDocument, StoreWrite } from '../../../js/types.js';
import { taskWith } from '../api/fixtures.js';

const documents = 1_000;
const large = 'x'.repeat(950_000);
const at = '2026-01-01T00:00:00Z';
const floods: Record<string, (n: number) => Record<string, unknown>> = {
  'decisions that cannot be read': (n) => ({
    kind: 'decision',
    tool_call_id: 'd',
    asked_seq: n,
    nonce: 'n',
    json: large.slice(0, 890_000),
    at,
  }),
  'messages that are too large': () => ({ kind: 'message', text: large, at }),
};

let memory: WebAssembly.Memory | undefined;
const instantiate = WebAssembly.instantiate as (...args: unknown[]) => Promise<WebAssembly.Instance>;
vi.spyOn(WebAssembly, 'instantiate').mockImplementation((async (...args: unknown[]) => {
  const made = await instantiate(...args);
  const instance = (made as { instance?: WebAssembly.Instance }).instance ?? made;
  memory = instance.exports.memory as WebAssembly.Memory;
  return made;
}) as never);

/** A store whose inbox holds a flood that is made on the fly: only the engine could keep it. */
function flooded(document: (n: number) => Record<string, unknown>) {
  const inner = memoryStore({ tasks: [taskWith(['Do it'])] });
  const left = new Map(
    Array.from({ length: documents }, (_, n) => [`decision-d-${String(n).padStart(4, '0')}`, n]),
  );
  const store: TaskStore = {
    ...inner,
    async list(collection, options) {
      if (!collection.endsWith('/inbox')) return inner.list(collection, options);
      const ids = [...left.keys()].filter((id) => options.after === undefined || id > options.after);
      return ids.slice(0, options.limit).map(
        (id): StoredDocument => ({
          path: `${collection}/${id}`,
          version: '1',
          data: document(left.get(id) as number),
        }),
      );
    },
    async commit(writes, options) {
      const ofInbox = (write: StoreWrite) => write.path.includes('/inbox/');
      for (const { path } of writes.filter(ofInbox)) left.delete(path.split('/').at(-1) as string);
      const others = writes.filter((write) => !ofInbox(write));
      return others.length === 0 ? { version: '1' } : inner.commit(others, options);
    },
  };
  return { store, left };
}

test.each(Object.keys(floods))(
  'an inbox of a gigabyte of %s is worked off in little memory',
  async (what) => {
    const { store, left } = flooded(floods[what] as (n: number) => Record<string, unknown>);
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const executor = new TaskExecutor('t', 'u', { store, logger, model: scriptedModel(['Done.']) });
    await executor.start();
    expect(executor.outcome).toMatchObject({ status: 'completed' });
    expect(left.size).toBe(0);
    expect(memory?.buffer.byteLength).toBeLessThan(80_000_000);
  },
  120_000,
);
