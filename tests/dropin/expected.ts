import { expect } from 'vitest';

const oneItem = ['task:started', 'task:message', 'task:progress_update', 'task:completed'];
const goesOn = [
  'task:message',
  'task:progress_update',
  'task:message',
  'task:progress_update',
  'task:completed',
];

/** What the app's uses see, whichever engine runs. */
export const sameForBoth = {
  runsToTheEnd: { heard: ['task:started', ...goesOn], status: 'completed' },
  streamsText: { text: 'This is the answer, in more than one piece.', streaming: true },
  narrowsPayloads: { paths: ['lookup notes.md'], roles: ['assistant'], done: ['narrowed'] },
  comesAndGoes: { heard: ['string', 'progress'], left: 0, names: [] },
  keepsCommandsInCollections: { all: 3, settled: ['fulfilled', 'fulfilled'], last: 'task:completed' },
  emitsItsOwn: { heard: ['mind the gap', 7, 'hush', 40], answered: [true, true, true, false] },
  subclasses: {
    log: [
      'route: start 1',
      'emit: task:started false',
      'emit: task:progress_update false',
      'listener: task:completed',
      'emit: task:completed true',
      'route: settled',
    ],
    isOne: true,
  },
  subclassesNarrowly: ['on task:completed', 'emit task:completed', 'traced'],
  routeSetsInProgress: { response: { ok: true }, heard: oneItem, status: 'completed' },
  pausesAndResumes: {
    heard: ['task:started', 'task:paused', 'task:resumed', 'task:completed'],
    between: 'paused',
    status: 'completed',
    last: 'task:completed',
  },
  pausesAndResumesAtOnce: {
    heard: ['task:started', 'task:paused', 'task:resumed', 'task:completed'],
    status: 'completed',
  },
  stops: { heard: ['task:started', 'task:stopped'], status: 'paused' },
  findsNoTask: 404,
  isAnEmitter: { isOne: true, all: true, counted: 2, most: 50 },
  awaitsEvents: { taskId: true, first: 'This is the answ' },
  stopsOnAnEvent: { settled: true },
};

/** Where the package differs from the old class, on purpose. */
export const different = {
  'the old class': {
    startsPausedTask: { heard: ['task:started', ...goesOn], status: 'completed' },
    // two loops over one task
    startsTwice: { begun: 2 },
    fails: { errors: ['no access'], status: 'failed' },
  },
  'the package': {
    startsPausedTask: { heard: ['task:resumed', ...goesOn], status: 'completed' },
    startsTwice: { begun: 1 },
    // the same, and what to do about it
    fails: { errors: [expect.stringContaining('no access')], status: 'failed' },
  },
};
