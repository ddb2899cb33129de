import { readFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { monotonicNow, systemClock, virtualClock } from '../../js/clock.js';

// The platform's own timers are out of reach of vitest's clock; those of these tests are not.
vi.mock('../../js/platform.js', async (original) => ({
  ...(await original<typeof import('../../js/platform.js')>()),
  setTimeout: (fn: () => void, ms: number) => setTimeout(fn, ms),
  clearTimeout: (timer: ReturnType<typeof setTimeout>) => clearTimeout(timer),
  monotonicMs: () => performance.now(),
}));

describe('the system clock', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('waits as long as asked, also longer than one timer of the platform can', () => {
    vi.useFakeTimers();
    const fired = vi.fn();
    const days = 86_400_000;
    systemClock.after(60 * days, fired);
    vi.advanceTimersByTime(59 * days);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(days + 1);
    expect(fired).toHaveBeenCalledOnce();
  });

  it('cancels', () => {
    vi.useFakeTimers();
    const fired = vi.fn();
    systemClock.after(10, fired)();
    vi.advanceTimersByTime(20);
    expect(fired).not.toHaveBeenCalled();
  });

  it('has a monotonic side; an injected clock is taken at its word', () => {
    expect(Math.abs(monotonicNow(systemClock) - performance.now())).toBeLessThan(100);
    expect(monotonicNow({ now: () => 5, after: () => () => undefined })).toBe(5);
  });
});

describe('a virtual clock', () => {
  it('advances through its timers in order, letting what they start run', async () => {
    const clock = virtualClock({ start: 0, auto: false });
    const seen: string[] = [];
    clock.after(20, () => seen.push(`b${clock.now()}`));
    clock.after(10, async () => {
      await turn();
      clock.after(5, () => seen.push(`a${clock.now()}`));
    });
    clock.after(20, () => seen.push(`c${clock.now()}`));
    clock.after(31, () => seen.push('never'));
    const cancel = clock.after(12, () => seen.push('cancelled'));
    cancel();
    await clock.advance(30);
    expect(seen).toEqual(['a15', 'b20', 'c20']);
    expect(clock.now()).toBe(30);
  });

  it('jumps to the next timer when nothing else can happen', async () => {
    const clock = virtualClock({ start: 0 });
    const seen: number[] = [];
    await new Promise<void>((resolve) => {
      clock.after(3_600_000, () => {
        seen.push(clock.now());
        clock.after(1, resolve);
      });
    });
    expect(seen).toEqual([3_600_000]);
    expect(clock.now()).toBe(3_600_001);
  });

  it('does not jump while work goes on, be it in turns of the event loop or in files', async () => {
    const clock = virtualClock({ start: 0 });
    const jumped = vi.fn();
    clock.after(1_000, jumped);
    for (let i = 0; i < 20; i++) {
      clock.after(1, () => undefined)();
      await turn();
    }
    for (let i = 0; i < 20; i++) {
      await readFile(import.meta.filename);
    }
    expect(jumped).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(jumped).toHaveBeenCalledOnce());
  });

  it('does not jump while it is held or switched off', async () => {
    const clock = virtualClock({ start: 0 });
    const jumped = vi.fn();
    const release = clock.hold();
    clock.after(1_000, jumped);
    for (let i = 0; i < 20; i++) {
      await turn();
    }
    clock.auto = false;
    release();
    release();
    for (let i = 0; i < 20; i++) {
      await turn();
    }
    expect(jumped).not.toHaveBeenCalled();
    clock.auto = true;
    await vi.waitFor(() => expect(jumped).toHaveBeenCalledOnce());
  });
});
