import { existsSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { createTaskEngine, TaskExecutionError } from '../../index.js';
import { pidOf } from '../../stores/holder.js';
import { sqliteStore } from '../../stores/sqlite.js';
import type { Progress, TaskStore } from '../../types.js';
import { describeUsage } from '../describe.js';
import { exitCodes, Quit } from '../exit.js';
import type { DemoOptions } from '../options.js';
import { advance } from './advance.js';
import { openFolder } from './folder.js';
import { type DemoModel, demoModel } from './model.js';
import { notebook } from './notes.js';
import { type Pace, paceOf } from './pace.js';
import { plainDisplay } from './plain.js';
import { screenDisplay } from './screen.js';
import { statementOf } from './script/conversation.js';
import { type Ending, Session } from './session.js';
import { type DemoTask, findOrCreateTask, userId } from './task.js';
import { demoTools } from './tools.js';
import { Unknowns } from './unknowns.js';

/** Runs the demo and returns the exit code. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const file = resolve(options.store);
  const store = sqliteStore({ file });
  try {
    const notesFile = `${file}.notes`;
    const found = await findOrCreateTask(store, options, notesFile);
    if (found.task.status === 'completed') {
      say(`This task is done.\n${places(found, file)}\nBegin again with --fresh.`);
      return exitCodes.done;
    }
    const pace = paceOf(options.speed);
    return await runTask(store, file, notesFile, found, pace, await demoModel(options, pace));
  } catch (error) {
    throw explained(error, options.store);
  } finally {
    store.close();
  }
}

async function runTask(
  store: TaskStore,
  file: string,
  notesFile: string,
  found: DemoTask,
  pace: Pace,
  { name, model }: DemoModel,
): Promise<number> {
  const unknowns = new Unknowns((what) => session.say(`Unknown outcome: ${what}`));
  const folder = openFolder(found.input, [found.report, `${found.report}.part`, dirname(file)]);
  const tools = demoTools({
    folder,
    notes: notebook(notesFile),
    report: found.report,
    pace: pace.tool,
    onLookUp: (call, done) => unknowns.lookedUp(call, done),
  });
  const engine = createTaskEngine({
    store,
    model,
    tools: unknowns.watch(tools),
    prompt: ({ item }) => statementOf(item),
  });

  const executor = engine.executor(found.task.id, userId);
  const before = await executor.state();
  const results = await engine.persistence(found.task.id, userId).toolResults();
  const reused = results.filter(({ unknown }) => !unknown).length;

  const attended = process.stdin.isTTY === true && process.stdout.isTTY === true;
  say(`${found.task.title} · ${folder.name} · ${name}`);
  say(`Process ${process.pid}. kill -9 me, run the same command again, and I go on where I was.`);
  if (!found.isNew) say(`Going on: ${itemsDone(before.progress)} done, ${toolResults(reused)} reused.`);
  if (before.owner) say('The run before has not let go of the task: looking whether it lives …');
  let progress = before.progress;
  const session = new Session(
    executor,
    attended,
    (controls) =>
      attended
        ? screenDisplay(process.stdin, process.stdout, controls, before)
        : plainDisplay(process.stdout, controls),
    (event) => {
      unknowns.event(event);
      if (event.type === 'task:progress_update') progress = advance(progress, event);
    },
  );
  const quit = () => session.controls.quit();
  process.on('SIGINT', quit).on('SIGTERM', quit);
  let ending: Ending;
  try {
    ending = await session.run();
  } finally {
    session.close();
    process.off('SIGINT', quit).off('SIGTERM', quit);
  }

  const { usage } = await executor.state();
  say('');
  say(headline(ending));
  say(`Items    ${itemsDone(progress)}`);
  say(places(found, file));
  say(`Tokens   ${describeUsage(usage)}`);
  if (!found.isNew) {
    say(`Reused   ${toolResults(reused)} of earlier runs`);
    say(`Unknown  ${unknowns.list.length === 0 ? 'no outcome' : unknowns.list.join(', ')}`);
  }
  return ending.status === 'completed' || ending.status === 'paused' || ending.status === 'stopped'
    ? exitCodes.done
    : exitCodes.failed;
}

/** How it ended and what to do next, in one line. */
function headline(ending: Ending): string {
  const again = 'Run the same command again to';
  switch (ending.status) {
    case 'completed':
      return 'Done.';
    case 'paused':
      return `Paused${'reason' in ending && ending.reason ? ` (${ending.reason})` : ''}. ${again} go on.`;
    case 'stopped':
      return `Stopped. ${again} go on.`;
    case 'failed':
      return `Failed: ${ending.error.message} ${again} try again.`;
    case 'superseded':
      return 'Another process has taken this task over; look there.';
    case 'yielded':
      return `Not finished. ${again} go on.`;
    case 'interrupted':
    case 'refused':
      return `Interrupted: ${ending.error.message} ${again} go on.`;
  }
}

function places({ report }: DemoTask, file: string): string {
  const written = existsSync(report) ? shown(report) : `none at ${shown(report)}`;
  return `Report   ${written}\nState    ${shown(file)}`;
}

function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}

function itemsDone({ tasks }: Progress): string {
  const items = Object.values(tasks).flat();
  return `${items.filter(({ status }) => status === 'completed').length} of ${items.length} items`;
}

function toolResults(number: number): string {
  return `${number} tool result${number === 1 ? '' : 's'}`;
}

function explained(error: unknown, store: string): unknown {
  if (error instanceof Quit) return error;
  if (!TaskExecutionError.is(error)) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    return typeof code === 'string' ? new Quit(String(message)) : error;
  }
  switch (error.code) {
    case 'NOT_CONFIGURED':
      return new Quit(
        `Node ${process.versions.node} has no SQLite of its own. This works:\n` +
          `  npx -p task-execution-engine -p libsql task-execution-engine ${process.argv.slice(2).map(quoted).join(' ')}`,
      );
    case 'LEASE_HELD':
      return new Quit(heldElsewhere(error, store));
    default:
      return new Quit(`${error.message}\nIf ${store} cannot be used any more, name another --store.`);
  }
}

function heldElsewhere({ details: { holder, ageMs } }: TaskExecutionError, store: string): string {
  const pid = pidOf(holder);
  const who = pid === undefined ? 'Another process' : `Process ${pid}`;
  const age = typeof ageMs === 'number' ? `, and said so ${(ageMs / 1000).toFixed(1)} s ago` : '';
  return (
    `${who} runs the task in ${store}${age}.\n` +
    `Pause it there with p, or from here: kill -INT ${pid ?? 'PID'}. Then run this command again. ` +
    'For a task of its own name another --store.'
  );
}

/** A word as shells take it. */
function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
