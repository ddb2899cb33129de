import type { TaskEvent, ToolCall } from '../../types.js';

/** What people see of a run. */
export interface Display {
  /** A line that stays. */
  say(line: string): void;
  event(event: TaskEvent): void;
  /** Whether the run is at work, about to pause, or paused. */
  state(state: 'running' | 'pausing' | 'stopping' | 'paused'): void;
  /** Gives the terminal back. */
  close(): void;
}

/** What people, or the lack of them, can do to a run. None of these throws. */
export interface Controls {
  pause(): void;
  resume(): void;
  stop(): void;
  quit(): void;
  decide(call: ToolCall, approved: boolean): void;
}
