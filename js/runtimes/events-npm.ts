// Inlined by the build. The path keeps bundlers from taking the bare name for Node's module.
import { EventEmitter as Inlined } from 'events/events.js';

const { process } = globalThis as { process?: { getBuiltinModule?(id: string): unknown } };
const node = process?.getBuiltinModule?.('node:events') as typeof import('node:events') | undefined;

/** Node's where a test runner plays the browser on it: apps ask for `instanceof EventEmitter` there, too. */
export const EventEmitter: typeof Inlined = node?.EventEmitter ?? Inlined;
