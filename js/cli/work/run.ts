import { exitCodes, Quit } from '../exit.js';
import type { WorkOptions } from '../options.js';
import { printable } from '../text.js';
import { backendOfConfig, backendOfTask, loadConfig, probe } from './config.js';
import { type WorkDisplay, workDisplay } from './display.js';
import { Worker } from './worker.js';

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
/** What a shell makes of a death by a signal. */
const codeOf = { SIGHUP: 129, SIGINT: exitCodes.interrupted, SIGTERM: exitCodes.terminated } as const;

/** Takes up tasks until a signal, then drains and ends the process. */
export async function runWork({ config, atOnce, perUser, everyMs }: WorkOptions): Promise<never> {
  const draining = new AbortController();
  let display: WorkDisplay | undefined;
  let exitCode: number = exitCodes.done;
  const drain = () => {
    draining.abort();
    display?.draining();
  };
  for (const signal of signals) {
    process.on(signal, () => {
      // Before there is anything to drain, and where somebody cannot wait.
      if (display === undefined || draining.signal.aborted) {
        display?.close();
        process.exit(codeOf[signal]);
      }
      drain();
    });
  }
  // Of whatever runs in the background of tools: what else the process does is no more to be relied on, but the other
  // tasks are given up in order.
  const fell = (what: string) => (thrown: unknown) => {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    process.stderr.write(`${what}; this worker drains and ends:\n${printable(text)}\n`);
    exitCode = exitCodes.failed;
    if (display === undefined) process.exit(exitCode);
    if (!draining.signal.aborted) drain();
  };
  process.on('uncaughtException', fell('An exception that nobody caught'));
  process.on('unhandledRejection', fell('A promise that nobody handled was rejected'));
  // Whoever read the output is gone: that is no reason to lose work.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {
      exitCode = exitCodes.failed;
      if (!draining.signal.aborted) drain();
    });
  }

  const { backend, hasAnswered } = await opened(config);
  display = workDisplay(process.stdout, atOnce);
  display.say(
    `Process ${process.pid} works on ${backend.host.store.id}, ${atOnce} at once. SIGTERM or Ctrl-C drains.`,
  );
  const worker = new Worker({
    backend,
    backendOf: backendOfTask,
    atOnce,
    perUser,
    everyMs,
    report: display,
    ...(!hasAnswered && { probe: () => probe(backend.host) }),
  });
  try {
    await worker.run(draining.signal);
  } catch (error) {
    display.close();
    return refused(error);
  }
  display.say('Nothing is under way any more.');
  display.close();
  // Tools, listeners and connections of the app may hold the process.
  return ending(exitCode);
}

/** What the module configures; what is wrong with it ends the process, whatever it has opened. */
async function opened(config: string): ReturnType<typeof backendOfConfig> {
  try {
    await loadConfig(config);
    return await backendOfConfig(config);
  } catch (error) {
    return refused(error);
  }
}

/** Ends the process once it is said what is wrong. */
function refused(error: unknown): Promise<never> {
  if (!(error instanceof Quit)) throw error;
  return new Promise(() => {
    process.stderr.write(`${error.message}\n`, () => process.exit(error.exitCode));
  });
}

/** Ends the process once what was written has gone out. */
function ending(code: number): Promise<never> {
  return new Promise(() => {
    process.stdout.write('', () => process.exit(code));
  });
}
