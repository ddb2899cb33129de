/** What the kill test has to reach, and how hard it is on what it tests. */

export const phases = ['committing', 'streaming', 'running a tool'] as const;
/** What a worker is doing when it is killed. */
export type Phase = (typeof phases)[number];

export const faults = ['drop', 'delay', 'cut'] as const;
/** `drop`: the request arrives, its reply never does. `cut`: the connection ends, before or after the request has arrived. */
export type Fault = (typeof faults)[number];

/** Kills in each phase; three times that is over the 100 that the test stands for. */
export const killsInEach = 35;
/** Faults of each kind, and how many of them have to hit a commit. */
export const faultsOfEach = 50;
export const shareOfCommits = 1 / 3;
/** How often a call through the proxy is disturbed. */
export const faultRate = { commit: 0.2, other: 0.06 };
/** Milliseconds that a delayed call is held back. */
export const delayMs = { least: 50, most: 500 };
/** Of the pieces of a gRPC connection, where single calls cannot be told apart. */
export const grpcFaultRate = 0.01;

/** Tasks that run at the same time, each with two workers that want to run it. */
export const lanes = 5;
export const workersOfTask = 2;
/** Of the workers, so many use Google's SDK over gRPC; the others the REST store. */
export const shareOfSdk = 0.2;
/** Of the workers, so many ask for the lease again and again instead of waiting for it. */
export const shareOfImpatient = 0.3;

/** A plan that takes some 15 s when nobody disturbs it. */
export const milestones = 2;
export const itemsOfMilestone = 3;

/** Milliseconds. Short, so that a killed worker's task is soon taken over. */
export const runOptions = { leaseTtlMs: 2_000, storeTimeoutMs: 4_000, graceMs: 500 };
export const storeCallMs = 600;
/** Milliseconds: after a kill the next one waits for up to so long. */
export const peaceMs = 900;
/** Milliseconds: so much later than its sender's death a commit may still arrive. */
export const lateCommitMs = 3_000;
/** Milliseconds, from the first task on: no further task is begun, and everything has to be done. */
export const campaignMs = { begin: 300_000, end: 420_000 };
