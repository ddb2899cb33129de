import { longestTimerMs } from './longest-timer.js';
import { clearTimeout, monotonicMs, setImmediate, setTimeout, wallMs } from './platform.js';
import type { Clock } from './types.js';
import { describeThrown, overhear } from './values.js';

/** The platform's time. */
export const systemClock: Clock & { monotonic(): number } = {
  now: wallMs,
  /** Milliseconds on a clock that nobody sets. */
  monotonic: monotonicMs,
  after(ms, fn) {
    const due = monotonicMs() + ms;
    let timer: ReturnType<typeof setTimeout>;
    const arm = () => {
      const left = Math.max(0, due - monotonicMs());
      timer = left > longestTimerMs ? setTimeout(arm, longestTimerMs) : setTimeout(fn, left);
    };
    arm();
    return () => clearTimeout(timer);
  },
};

/** Calls back after so many milliseconds, at most 2^31 - 1, unless Node has nothing else left to do and exits. */
export function idleTimer(ms: number, fn: () => void): () => void {
  const timer: unknown = setTimeout(fn, ms);
  (timer as { unref?(): void }).unref?.();
  return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
}

/** Milliseconds that never go back, for leases and deadlines. An injected clock is taken at its word. */
export function monotonicNow(clock: Clock & { monotonic?(): number }): number {
  return clock.monotonic?.() ?? clock.now();
}

/** Whether it is one of the times that a date can have (ECMAScript, "Time Values and Time Range"). */
export function isTime(time: unknown): time is number {
  return typeof time === 'number' && Math.abs(time) <= 8.64e15;
}

/** `clock.now` of a clock that may fail: the platform's takes its place. */
export function safeNow(clock: Clock): number {
  try {
    const now: unknown = clock.now();
    if (isTime(now)) return now;
    overhear(now, () => {});
  } catch {
    // As said. A machine that runs logs it.
  }
  return wallMs();
}

/** So much earlier than asked for a timer may fire: platforms round. */
const mostEarlyMs = 2;

/**
 * `clock.after` of a clock that may fail: the platform's takes its place, and a cancel that throws is noted. Where it
 * calls back too early, or from within `after`, the platform waits out the rest: `fn` is never called from within, and
 * a clock that always calls back at once keeps nobody else from running.
 */
export function safeAfter(
  clock: Clock,
  ms: number,
  fn: () => void,
  note: (message: string) => void,
): () => void {
  const due = readingOf(clock) + ms;
  let within = true;
  let ended = false;
  let cancelRest = () => {};
  const fired = () => {
    if (ended) return;
    const early = Math.min(due - readingOf(clock), ms);
    if (!within && early <= mostEarlyMs) return fn();
    ended = true;
    cancelRest = systemClock.after(early, fn);
  };
  try {
    const cancel: unknown = clock.after(ms, fired);
    within = false;
    if (typeof cancel !== 'function') {
      overhear(cancel, () => {});
      return () => cancelRest();
    }
    return () => {
      ended = true;
      cancelRest();
      try {
        overhear(cancel(), () => {});
      } catch (thrown) {
        note(`What clock.after() returned threw: ${describeThrown(thrown).message}`);
      }
    };
  } catch (thrown) {
    note(`clock.after() threw: ${describeThrown(thrown).message}`);
    ended = true;
    cancelRest();
    return systemClock.after(ms, fn);
  }
}

/** Of a clock that says nothing, the platform's. */
function readingOf(clock: Clock): number {
  try {
    const time: unknown = monotonicNow(clock);
    if (isTime(time)) return time;
    overhear(time, () => {});
  } catch {
    // As said. A machine that runs logs it.
  }
  return monotonicMs();
}

/** Time for tests: it passes when told to, or when nothing else can happen. */
export interface VirtualClock extends Clock {
  /** Lets `ms` milliseconds pass, firing timers in order; work that they start gets its turn in between. */
  advance(ms: number): Promise<void>;
  /** When nothing else can happen, time jumps to the next timer. Default true. */
  auto: boolean;
  /** Until the function that it returns is called, time does not jump: real work is under way. */
  hold(): () => void;
}

/** So many idle turns of the event loop in a row mean that nothing else can happen. */
const idleTurns = 3;

interface Timer {
  due: number;
  order: number;
  fn: () => void;
}

/** One turn of the event loop, where it can be without the delay that browsers put on nested timers. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    if (setImmediate(resolve)) return;
    try {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    } catch {
      // workerd had none before 2025, edge layers have one that throws.
      setTimeout(resolve, 0);
    }
  });
}

let breaths = 0;

/** Lets everything else of the process have its turn, in the midst of work: no clock may take that for idleness. */
export function breathe(): Promise<void> {
  breaths += 1;
  return macrotask();
}

/** A millisecond of real time, which does not count as something under way. */
function shortWait(): Promise<void> {
  return new Promise((resolve) => {
    const timer: unknown = setTimeout(resolve, 1);
    (timer as { unref?(): void }).unref?.();
  });
}

/** Whether the platform knows of requests under way, such as a file being read. */
function requestsUnderWay(): boolean {
  const resources: unknown = Reflect.get(globalThis, 'process')?.getActiveResourcesInfo?.();
  return Array.isArray(resources) && resources.some((name) => /Req/.test(String(name)));
}

/**
 * A clock that only moves by `advance` and, where `auto` is on, to the next timer once the event loop has been idle for a
 * few turns. Timers of the platform do not count as something that can happen: work that waits for real time takes
 * `hold()`, or makes `underWay` say so.
 */
export function virtualClock(
  options: {
    /** Milliseconds since 1970. Default: 2026-01-01T00:00:00Z. */
    start?: number;
    /** Default true. */
    auto?: boolean;
    /** Whether something is under way that the clock has to wait for. Default: nothing is. */
    underWay?: () => boolean;
  } = {},
): VirtualClock {
  let time = options.start ?? Date.UTC(2026, 0, 1);
  let auto = options.auto ?? true;
  let held = 0;
  let order = 0;
  let changes = 0;
  let probing = false;
  const timers = new Set<Timer>();

  const next = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (!first || timer.due < first.due || (timer.due === first.due && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  };
  const fire = (timer: Timer) => {
    timers.delete(timer);
    changes += 1;
    time = Math.max(time, timer.due);
    timer.fn();
  };
  const canJump = () => auto && held === 0 && timers.size > 0;
  const settle = async () => {
    let seen = changes + breaths;
    for (let idle = 0; idle < idleTurns; ) {
      await macrotask();
      const now = changes + breaths;
      idle = seen === now && !requestsUnderWay() ? idle + 1 : 0;
      seen = now;
    }
  };
  const probe = async () => {
    probing = true;
    try {
      while (canJump()) {
        await settle();
        if (options.underWay?.()) {
          await shortWait();
          continue;
        }
        const first = next();
        if (first && canJump()) {
          fire(first);
        }
      }
    } finally {
      probing = false;
    }
  };
  const consider = () => {
    if (canJump() && !probing) {
      void probe();
    }
  };

  return {
    now: () => time,
    after(ms, fn) {
      const timer = { due: time + Math.max(0, ms), order: order++, fn };
      timers.add(timer);
      changes += 1;
      consider();
      return () => {
        if (timers.delete(timer)) {
          changes += 1;
        }
      };
    },
    async advance(ms) {
      const end = time + ms;
      held += 1;
      try {
        await settle();
        for (let first = next(); first && first.due <= end; first = next()) {
          fire(first);
          await settle();
        }
        time = Math.max(time, end);
      } finally {
        held -= 1;
        consider();
      }
    },
    hold() {
      held += 1;
      let released = false;
      return () => {
        if (!released) {
          released = true;
          held -= 1;
          consider();
        }
      };
    },
    get auto() {
      return auto;
    },
    set auto(on) {
      auto = on;
      consider();
    },
  };
}
