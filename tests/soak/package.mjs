/** The built package, as an app imports it; imported after the gauges are there. */
export * from 'task-execution-engine';
export { faultyStore } from 'task-execution-engine/testing';
