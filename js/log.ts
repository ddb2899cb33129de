import type { Logger } from './types.js';
import { overhear } from './values.js';

/** Writes a line where there is a logger. A logger that fails, or lacks the level, has nobody to tell. */
export function logTo(logger: Logger | undefined, level: keyof Logger, message: string): void {
  try {
    overhear(logger?.[level](message), () => {});
  } catch {
    // as above
  }
}
