import { TaskExecutionError } from '../../index.js';
import { type SqliteStore, sqliteStore } from '../../stores/sqlite.js';
import { exitCodes, Quit } from '../exit.js';
import type { ShowOptions } from '../options.js';
import { printable } from '../text.js';
import { JournalReader, missing } from './journal.js';
import { jsonLine } from './json.js';
import { describeLastRun, describeStatus, type LastRun, type Look, TaskLook } from './look.js';
import { printPlan, printStanding } from './page.js';
import { type Output, Printer } from './printer.js';
import { findTask, listTasks, overallOf, type TaskRef } from './tasks.js';
import { Timeline } from './timeline.js';

/** So often it is looked whether whoever runs the task still lives, which no write tells. */
const lookAgainMs = 5_000;

/** Shows what a store holds, and returns the exit code. Writes nothing to the store. */
export async function runShow(options: ShowOptions, output: Output = process.stdout): Promise<number> {
  let store: SqliteStore | undefined;
  try {
    store = sqliteStore({ file: options.store, readOnly: true });
    const printer = new Printer(output, options.utc);
    if (options.task === undefined) return await showList(store, printer, options);
    const ref = await findTask(store, options.task);
    return await new Show(store, ref, printer, options).run();
  } catch (error) {
    throw explained(error);
  } finally {
    store?.close();
  }
}

async function showList(
  store: SqliteStore,
  printer: Printer,
  { json, store: file }: ShowOptions,
): Promise<number> {
  let count = 0;
  for await (const { userId, taskId, data } of listTasks(store)) {
    count += 1;
    if (json) {
      await printer.write(jsonLine(taskLine({ userId, taskId }, data)));
      continue;
    }
    const { bold, dim } = printer.colours;
    if (count > 1) await printer.write();
    await printer.text(String(data.title ?? taskId), bold);
    await printer.text(`${userId}/${taskId}`, dim);
    const { day, time } = printer.when(String(data.updated_at));
    await printer.bar(describeStatus(data), 11, overallOf(data), `updated ${day} ${time}`);
  }
  if (count === 0 && !json) await printer.text(`There is no task in ${file}.`, String);
  return exitCodes.done;
}

function taskLine({ userId, taskId }: TaskRef, data: Record<string, unknown> = {}): object {
  const { title, status, updated_at: updatedAt } = data;
  return { type: 'task', userId, taskId, title, status, overall: overallOf(data), updatedAt };
}

/** One task, once or for as long as it is followed. */
class Show {
  readonly #store: SqliteStore;
  readonly #ref: TaskRef;
  readonly #printer: Printer;
  readonly #options: ShowOptions;
  readonly #look: TaskLook;
  readonly #journal: JournalReader;
  readonly #timeline = new Timeline();
  #problems = 0;
  #said = '';

  constructor(store: SqliteStore, ref: TaskRef, printer: Printer, options: ShowOptions) {
    this.#store = store;
    this.#ref = ref;
    this.#printer = printer;
    this.#options = options;
    this.#look = new TaskLook(store, ref.userId, ref.taskId);
    this.#journal = new JournalReader(store, this.#look.path);
  }

  async run(): Promise<number> {
    let look = await this.#look.now();
    if (this.#options.json) await this.#json(taskLine(this.#ref, look.document));
    else await printPlan(this.#printer, this.#ref, look);
    await this.#news(look);
    if (this.#options.follow) look = await this.#follow(look);
    const lastRun = this.#look.lastRun(look);
    if (!this.#options.json)
      await printStanding(this.#printer, look, lastRun, look.head?.seq ?? this.#journal.last);
    else if (!this.#options.follow) await this.#state(look, lastRun);
    return this.#problems > 0 || look.problem !== undefined ? exitCodes.failed : exitCodes.done;
  }

  /** Shows what was stored up to a look, and maybe more. */
  async #news({ head }: Look): Promise<void> {
    for await (const piece of this.#journal.news()) {
      if ('problem' in piece) {
        await this.#problem(piece.problem, piece.seq);
        continue;
      }
      this.#look.learn(piece.entry);
      if (this.#options.json) await this.#json({ type: 'entry', ...piece.entry });
      else await this.#printer.event(piece.entry.at, this.#timeline.linesOf(piece.entry));
    }
    if (head !== undefined && head.seq > this.#journal.last) {
      const from = this.#journal.last + 1;
      await this.#problem(missing(from, head.seq), from);
      this.#journal.last = head.seq;
    }
  }

  async #problem(problem: string, seq: number): Promise<void> {
    this.#problems += 1;
    if (this.#options.json) await this.#json({ type: 'problem', seq, problem });
    else await this.#printer.text(`The journal is damaged: ${problem}.`, this.#printer.colours.red, '✗ ');
  }

  /** Goes on until the task has ended, or somebody has seen enough. */
  async #follow(first: Look): Promise<Look> {
    let look = first;
    let wake = () => {};
    let stopped = false;
    const stop = () => {
      stopped = true;
      wake();
    };
    let changed = true;
    const { path } = this.#look;
    const unwatch = this.#store.watch?.([path, `${path}/engine/head`, `${path}/journal`], () => {
      changed = true;
      wake();
    });
    process.once('SIGINT', stop).once('SIGTERM', stop);
    try {
      for (;;) {
        await this.#news(look);
        const lastRun = this.#look.lastRun(look);
        await this.#say(look, lastRun);
        if (stopped || look.document === undefined || isOver(lastRun)) return look;
        if (!changed) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, lookAgainMs);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
        changed = false;
        look = await this.#look.now();
      }
    } finally {
      unwatch?.();
      process.off('SIGINT', stop).off('SIGTERM', stop);
    }
  }

  /** Says where the task stands when that has changed. */
  async #say(look: Look, lastRun: LastRun): Promise<void> {
    const { status, lease, owner } = lastRun;
    const waiting = look.state?.waiting.map(({ toolCall }) => toolCall.id) ?? [];
    const now = JSON.stringify([status, lease, owner?.id, look.document?.status, waiting, look.problem]);
    if (now === this.#said) return;
    const before = this.#said;
    this.#said = now;
    if (this.#options.json) return this.#state(look, lastRun);
    if (isOver(lastRun)) return;
    const { dim } = this.#printer.colours;
    if (status === 'running') {
      // calls that wait have a line of their own
      if (before.split(',', 3).join() !== now.split(',', 3).join()) {
        await this.#printer.text(`${describeLastRun(lastRun)} Ctrl-C ends this, not the task.`, dim);
      }
    } else {
      await this.#printer.text(`${describeLastRun(lastRun)} Waiting for it to go on: Ctrl-C ends this.`, dim);
    }
  }

  async #state(look: Look, lastRun: LastRun): Promise<void> {
    const { state, problem } = look;
    await this.#json({
      type: 'state',
      status: look.document?.status,
      ...(state && { ...state }),
      lastRun,
      ...(problem !== undefined && { problem }),
    });
  }

  async #json(value: object): Promise<void> {
    await this.#printer.write(jsonLine(value));
  }
}

function isOver({ status }: LastRun): boolean {
  return status === 'completed' || status === 'failed';
}

function explained(error: unknown): unknown {
  if (error instanceof Quit) return error;
  if (TaskExecutionError.is(error) && error.code === 'NOT_CONFIGURED') {
    return new Quit(
      `Node ${process.versions.node} has no SQLite of its own. This works:\n` +
        '  npx -p task-execution-engine -p libsql task-execution-engine show',
    );
  }
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === 'string' && code !== 'EPIPE' ? new Quit(printable(String(message))) : error;
}
