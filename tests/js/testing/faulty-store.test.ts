import { describe, expect, it } from 'vitest';
import { virtualClock } from '../../../js/clock.js';
import { memoryStore } from '../../../js/stores/memory.js';
import { type FaultShares, faultyStore, type StoreFault } from '../../../js/testing/faulty-store.js';
import { storeConformance } from '../../../js/testing/store-conformance.js';
import type { StoreErrorCode, StoreWrite } from '../../../js/types.js';

const path = 'users/u/tasks/t';
const create: StoreWrite[] = [{ op: 'create', path, data: { n: 1 } }];

/** A store whose commits suffer the fault, and the sound one beneath. */
function commitsWith(fault: StoreFault) {
  const sound = memoryStore();
  const clock = virtualClock({ auto: false });
  const store = faultyStore(sound, (call) => (call.method === 'commit' ? fault : undefined), { clock });
  const stored = async () => (await sound.read([path]))[0] !== null;
  return { store, stored, clock };
}

describe('a faulty store without faults', () => {
  for (const { name, run } of storeConformance(() => ({
    store: faultyStore(memoryStore(), () => undefined),
  }))) {
    it(name, run);
  }
});

describe('a faulty store', () => {
  it.each<StoreErrorCode>([
    'conflict',
    'exists',
    'not_found',
    'denied',
    'too_large',
    'invalid',
    'unavailable',
  ])('fails with %s and does nothing', async (code) => {
    const { store, stored } = commitsWith({ kind: 'error', code });
    await expect(store.commit(create)).rejects.toMatchObject({ code });
    expect(await stored()).toBe(false);
    expect(store.injected.error).toBe(1);
  });

  it('loses replies to what it has done', async () => {
    const { store, stored } = commitsWith({ kind: 'reply_lost' });
    await expect(store.commit(create)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await stored()).toBe(true);
  });

  it('answers late, and does late what it said was unavailable', async () => {
    const delayed = commitsWith({ kind: 'delay', ms: 50 });
    const reply = delayed.store.commit(create);
    await delayed.clock.advance(49);
    expect(await delayed.stored()).toBe(false);
    await delayed.clock.advance(1);
    await reply;

    const late = commitsWith({ kind: 'lands_late', ms: 50 });
    await expect(late.store.commit(create)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await late.stored()).toBe(false);
    await late.clock.advance(50);
    expect(await late.stored()).toBe(true);
  });

  it.each([
    ['hangs', false],
    ['hangs_after', true],
  ] as const)('%s until it is aborted', async (kind, landed) => {
    const { store, stored } = commitsWith({ kind });
    const controller = new AbortController();
    let settled = false;
    const reply = store.commit(create, { signal: controller.signal }).finally(() => {
      settled = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect([settled, await stored()]).toEqual([false, landed]);
    controller.abort();
    await expect(reply).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('fails by shares, the same way for the same seed', async () => {
    const run = async (seed: number) => {
      const shares: FaultShares = {
        seed,
        error: 0.2,
        codes: ['denied', 'unavailable'],
        reply_lost: 0.1,
        delay: 0.1,
        maxDelayMs: 1,
      };
      const store = faultyStore(memoryStore(), shares);
      const outcomes: unknown[] = [];
      for (let i = 0; i < 300; i++) {
        outcomes.push(
          await store.read([path]).then(
            () => 'ok',
            (error: { code: string }) => error.code,
          ),
        );
      }
      return { outcomes, injected: { ...store.injected }, calls: store.calls };
    };
    const [a, b, c] = [await run(1), await run(1), await run(2)];
    expect(a).toEqual(b);
    expect(a.outcomes).not.toEqual(c.outcomes);
    expect(a.calls).toBe(300);
    expect(a.injected.error).toBeGreaterThan(30);
    expect(a.injected.error).toBeLessThan(90);
    expect(a.injected.reply_lost).toBeGreaterThan(10);
    expect(new Set(a.outcomes)).toEqual(new Set(['ok', 'denied', 'unavailable']));
  });

  it('can be switched off', async () => {
    const { store } = commitsWith({ kind: 'error', code: 'denied' });
    store.enabled = false;
    await store.commit(create);
    expect(store.injected.error).toBe(0);
  });
});
