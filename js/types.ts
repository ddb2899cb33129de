/** Every public type of the package. */
export type * from './types/converse.js';
export type * from './types/disposable.js';
export type * from './types/events.js';
export type * from './types/host.js';
export type * from './types/schema.js';
export type * from './types/signal.js';
export type * from './types/state.js';
export type * from './types/store.js';
export type * from './types/task.js';
export type * from './types/tool.js';
