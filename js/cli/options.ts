import { parseArgs } from 'node:util';
import { exitCodes, Quit } from './exit.js';

/** What the command was asked to do. */
export type Request =
  | { help: true }
  | { version: true }
  | { demo: DemoOptions }
  | { show: ShowOptions }
  | { work: WorkOptions };

/** Options of `demo` as they were given; paths are not resolved. */
export interface DemoOptions {
  plan?: string | undefined;
  input?: string | undefined;
  store: string;
  fresh: boolean;
  /** 1 is the pace for people; 10 is ten times as fast. */
  speed: number;
  /** A model on Amazon Bedrock instead of the script. */
  bedrock?: string | undefined;
  region?: string | undefined;
}

/** Options of `show` as they were given. */
export interface ShowOptions {
  store: string;
  /** Its id, or USER/ID; absent for the list. */
  task: string | undefined;
  follow: boolean;
  json: boolean;
  /** Times in UTC instead of here. */
  utc: boolean;
}

/** Options of `work`. */
export interface WorkOptions {
  /** A module that calls `configureTaskExecution`. */
  config: string;
  /** Tasks under way at a time. */
  atOnce: number;
  /** Of them, of one user. */
  perUser: number;
  /** Between two looks for tasks. */
  everyMs: number;
}

export const defaultStore = '.task-execution-engine/demo.sqlite';

export const help: string = `Usage: task-execution-engine demo [options]
       task-execution-engine show [options] [TASK]
       task-execution-engine work --config FILE [options]

demo runs a plan on a folder of documents with a scripted model: it looks at
every page, checks links and headings, and writes report.md in the current
directory. Kill it at any time and run it again: it goes on where it was.

  --plan FILE    a plan of your own, as JSON (default: the one that is shipped)
  --input DIR    the folder to look at (default: a sample that is shipped)
  --store FILE   where the task is kept (default: ${defaultStore})
  --fresh        forget the task in the store and begin again
  --speed N      N times as fast (default: 1)
  --bedrock ID   a model on Amazon Bedrock instead of the script, with your
                 AWS credentials
  --region R     its region (default: AWS_REGION)

Keys: p pauses, r resumes, s stops, y and n answer, Ctrl-C pauses and quits,
twice quits at once. Without a terminal it prints plain lines, and what needs
approval is approved.

show lists the tasks of a store. With TASK, an id or USER/ID, it shows the plan,
the journal, and how the last run ended. It only reads, also while a run is
under way.

  --store FILE   the store to look into (default: ${defaultStore})
  --follow       go on until the task has ended, or Ctrl-C
  --json         one object a line: { type: 'task' | 'entry' | 'problem' | 'state' }
  --utc          times in UTC

work takes up tasks that are in progress and that nobody runs, the oldest first:
those that were only started, and those that a crash or a deployment has left.
Any number of workers share a store. Ctrl-C or SIGTERM drains: what is under way
is given up in order, for others to go on; a second one quits at once.

  --config FILE  a module that calls configureTaskExecution({ store, model, … })
  --at-once N    tasks under way at a time (default: 10)
  --per-user N   of them, of one user (default: 5)
  --every S      seconds between two looks for tasks (default: 5); up to six
                 times as long while there are none

  --version      print the version
  --help         print this

Exit codes: 0 done, or paused or stopped as you asked; 1 it failed, could not
begin, or what it shows is damaged; 2 wrong usage; 130 quit at once, and 143
by SIGTERM.
`;

const optionsOf: Record<string, readonly string[]> = {
  demo: ['plan', 'input', 'store', 'fresh', 'speed', 'bedrock', 'region'],
  show: ['store', 'follow', 'json', 'utc'],
  work: ['config', 'at-once', 'per-user', 'every'],
};

/** @throws Quit where the arguments make no sense. */
export function parseRequest(args: string[]): Request {
  const { values, positionals } = parsed(args);
  if (values.help) return { help: true };
  if (values.version) return { version: true };
  const [command, ...rest] = positionals;
  if (command === undefined) throw usage('there is no command');
  const allowed = Object.hasOwn(optionsOf, command) ? optionsOf[command] : undefined;
  if (allowed === undefined) throw usage(`there is no command '${command}'`);
  for (const [name, value] of Object.entries(values)) {
    if (!allowed.includes(name)) throw usage(`${command} has no option --${name}`);
    if (value === '') throw usage(`--${name} is empty`);
  }
  const { store = defaultStore } = values;
  if (command === 'show') {
    const [task, ...others] = rest;
    const { follow = false, json = false, utc = false } = values;
    if (others.length > 0) throw usage(`'${others[0]}' is one word too many`);
    if (follow && task === undefined) throw usage('--follow takes a TASK');
    return { show: { store, task, follow, json, utc } };
  }
  if (rest.length > 0) throw usage(`'${rest[0]}' is one word too many`);
  if (command === 'work') return { work: workOptions(values) };
  const speed = Number(values.speed ?? 1);
  if (!(speed >= 0.1 && speed <= 1000)) throw usage('--speed takes a number from 0.1 to 1000');
  const { plan, input, fresh = false, bedrock, region } = values;
  if (region !== undefined && bedrock === undefined) throw usage('--region takes --bedrock MODEL_ID');
  return { demo: { plan, input, store, fresh, speed, bedrock, region } };
}

function workOptions(values: ReturnType<typeof parsed>['values']): WorkOptions {
  const { config } = values;
  if (config === undefined) throw usage('work takes --config FILE');
  const whole = (name: 'at-once' | 'per-user', otherwise: number) => {
    const number = Number(values[name] ?? otherwise);
    if (!(Number.isInteger(number) && number >= 1 && number <= 10_000))
      throw usage(`--${name} takes a whole number from 1 to 10000`);
    return number;
  };
  const every = Number(values.every ?? 5);
  if (!(every >= 0.1 && every <= 86_400)) throw usage('--every takes seconds, from 0.1 to 86400');
  return { config, atOnce: whole('at-once', 10), perUser: whole('per-user', 5), everyMs: every * 1_000 };
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        plan: { type: 'string' },
        input: { type: 'string' },
        store: { type: 'string' },
        fresh: { type: 'boolean' },
        speed: { type: 'string' },
        bedrock: { type: 'string' },
        region: { type: 'string' },
        follow: { type: 'boolean', short: 'f' },
        json: { type: 'boolean' },
        utc: { type: 'boolean' },
        config: { type: 'string' },
        'at-once': { type: 'string' },
        'per-user': { type: 'string' },
        every: { type: 'string' },
        version: { type: 'boolean', short: 'v' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // Node's own message goes on with advice on how to pass positionals
    throw usage(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error));
  }
}

function usage(problem: string): Quit {
  return new Quit(`${problem}\nSee: task-execution-engine --help`, exitCodes.usage);
}
