import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../../js/stores/memory.js';
import { storeConformance } from '../../../js/testing/store-conformance.js';
import type { Task } from '../../../js/types.js';

describe('the memory store', () => {
  for (const { name, run } of storeConformance(() => ({ store: memoryStore() }))) {
    it(name, run);
  }

  const task: Task = {
    id: 't',
    user_id: 'u',
    title: 'T',
    description: '',
    status: 'not_started',
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    progress: { overall_percentage: 0, milestones: [], tasks: {} },
    config: { system_prompt: '', auto_approve: true },
  };

  it('begins with the tasks it is given, without their id', async () => {
    const store = memoryStore({ tasks: [task] });
    const [found] = await store.read(['users/u/tasks/t']);
    const { id: _, ...stored } = task;
    expect(found?.data).toEqual(stored);
  });

  it('refuses tasks whose ids name no document', () => {
    expect(() => memoryStore({ tasks: [{ ...task, id: 'a/b' }] })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('tells ages by the clock it is given', async () => {
    let now = 1_000;
    const store = memoryStore({ tasks: [task], now: () => now });
    now += 30_000;
    expect((await store.read(['users/u/tasks/t']))[0]?.ageMs).toBe(30_000);
  });

  it('is another store each time', () => {
    expect(memoryStore().id).not.toBe(memoryStore().id);
  });
});
