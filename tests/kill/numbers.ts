/** What the kill test has to reach, and how hard it is on what it tests. */

/** `KILL_LONG=1`: over twice as much of everything, for a machine that has nothing else to do. */
export const long = process.env.KILL_LONG === '1';
const times = long ? 2.2 : 1;
const atLeast = (count: number) => Math.round(count * times);

export const phases = ['committing', 'streaming', 'running a tool'] as const;
/** What a worker is doing when it is struck. */
export type Phase = (typeof phases)[number];

export const faults = ['drop', 'delay', 'cut'] as const;
/** `drop`: the request arrives, its reply never does. `cut`: the connection ends, before or after the request has arrived. */
export type Fault = (typeof faults)[number];

export const storeKinds = ['firestore', 'sqlite'] as const;
export type StoreKind = (typeof storeKinds)[number];

/** Kills in each phase; three times both is over the 100 that the test stands for, 240 in the long mode. */
export const killsInEach: Record<StoreKind, number> = { firestore: atLeast(23), sqlite: atLeast(14) };

export const stopKinds = ['with a rival', 'alone'] as const;
/** A process is stopped for longer than its lease; alone, nobody else can take the task over. */
export type StopKind = (typeof stopKinds)[number];
/** Stops in each phase. */
export const stopsInEach: Record<StopKind, number> = { 'with a rival': atLeast(3), alone: atLeast(2) };
/** Of leases' length, so long a process is stopped. */
export const stopLeases = { least: 1.2, most: 1.9 };

/** Faults of each kind, and how many of them have to hit a commit. */
export const faultsOfEach = atLeast(50);
export const shareOfCommits = 1 / 3;
/** How often a call through the proxy is disturbed. */
export const faultRate = { commit: 0.2, other: 0.06 };
/** Milliseconds that a delayed call is held back. */
export const delayMs = { least: 50, most: 500 };
/** Of the pieces of a gRPC connection, where single calls cannot be told apart. */
export const grpcFaultRate = 0.01;

/** Tasks that run at the same time, each with two workers that want to run it, and somebody who gives commands. */
export const lanes: Record<StoreKind, number> = { firestore: 5, sqlite: 2 };
export const workersOfTask = 2;
/** Of the workers on Firestore, so many use Google's SDK over gRPC; the others the REST store. */
export const shareOfSdk = 0.2;
/** Of the workers, so many ask for the lease again and again instead of waiting for it. */
export const shareOfImpatient = 0.3;

/** A plan that takes some 15 s when nobody disturbs it. */
export const milestones = 2;
export const itemsOfMilestone = 3;

/** Milliseconds. Short, so that a killed worker's task is soon taken over. */
export const runOptions = { leaseTtlMs: 2_000, storeTimeoutMs: 4_000, graceMs: 500 };
export const storeCallMs = 600;
/** Milliseconds: after a strike the next one waits for up to so long. */
export const peaceMs = 900;
/** Milliseconds: so much later than its sender's death a commit may still arrive. */
export const lateCommitMs = 3_000;
/** Milliseconds between two commands from elsewhere. */
export const commandEveryMs = { least: 150, most: 700 };
/** Milliseconds after a pause or stop in which nothing may start. */
export const quietMs = { least: 150, most: 500 };
/** Of the commands, so many are cut off by the death of the process that gives them. */
export const shareOfCommandersKilled = 0.04;

/** Milliseconds in which a command from elsewhere settles: heartbeat, grace, four store deadlines, the holder's lease. */
export const commandBoundMs =
  runOptions.leaseTtlMs / 3 + runOptions.graceMs + 4 * runOptions.storeTimeoutMs + runOptions.leaseTtlMs;
/** Milliseconds by which two busy cores may be late. */
export const slackMs = 10_000;

export const commands = [
  'pause',
  'stop',
  'resume',
  'start',
  'send',
  'approve',
  'reject',
  'answer',
  'state',
] as const;
export type Command = (typeof commands)[number];
/** So many of each have to settle well. */
export const commandsOfEach: Record<Command, number> = {
  pause: atLeast(5),
  stop: atLeast(5),
  resume: atLeast(3),
  start: atLeast(3),
  send: atLeast(8),
  approve: atLeast(3),
  reject: atLeast(3),
  answer: atLeast(4),
  state: atLeast(20),
};

/** What has to have been seen for the checks to say anything. */
export const seenAtLeast = {
  'facts announced': atLeast(300),
  'results announced as stored': atLeast(80),
  'unknown outcomes': atLeast(10),
  'commits later than their sender’s death': atLeast(4),
  'leases taken over from a stopped process': atLeast(3),
  'runs that went on after a stop': atLeast(1),
};

/** Milliseconds, from the first task on: no further task is begun, and everything has to be done. */
export const campaignMs = long ? { begin: 1_500_000, end: 1_800_000 } : { begin: 420_000, end: 600_000 };
