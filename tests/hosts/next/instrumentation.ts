/** Next calls this once, before the server answers its first request. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    await import('@/lib/tasks');
    const { drainTaskExecution } = await import('task-execution-engine');
    // the streams of yielded runs end, and the server, which waits for them, ends after that
    process.once('SIGTERM', () => drainTaskExecution({ timeoutMs: 20_000 }));
  }
}
