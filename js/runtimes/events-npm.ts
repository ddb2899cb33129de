// Inlined by the build. The path keeps bundlers from taking the bare name for Node's module.
export { EventEmitter } from 'events/events.js';
