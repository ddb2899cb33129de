/** Next calls this once, before the server answers its first request. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    await import('@/lib/tasks');
    const { drainTaskExecution } = await import('task-execution-engine');
    // Runs yield, and streams end: their pages come back to the next instance.
    process.once('SIGTERM', () => drainTaskExecution({ timeoutMs: 20_000 }));
  }
}
