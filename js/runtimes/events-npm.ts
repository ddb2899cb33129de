// Inlined by the build. The path keeps bundlers from taking the bare name for Node's module.
import { EventEmitter as Inlined } from 'events/events.js';
import { builtin } from '../builtin.js';

/** Node's where a test runner plays the browser on it: apps ask for `instanceof EventEmitter` there, too. */
export const EventEmitter: typeof Inlined = builtin('node:events').EventEmitter ?? Inlined;
