import { countReset, localFollowers, localRuns } from '../api/registry.js';
import { macrotask } from '../clock.js';

/** So many turns of the event loop without a run mean that no command is on its way to one. */
const quietTurns = 3;

/**
 * Leaves nothing of a spec to the next one, whatever it awaited: every run of this process ends where it stands, tells
 * nobody, and stores nothing more; loops over `events()` end; stores of `fromTaskDatabaseService(service)` forget what
 * they have in memory. What was configured stays configured. To be awaited between specs, under fake timers too.
 */
export async function reset(): Promise<void> {
  countReset();
  for (let quiet = 0; quiet < quietTurns; ) {
    const runs = localRuns();
    for (const run of runs) run.crash();
    for (const follower of [...localFollowers()]) follower.end();
    await Promise.all(runs.map((run) => run.outcome));
    await macrotask();
    quiet = runs.length > 0 ? 0 : quiet + 1;
  }
}
