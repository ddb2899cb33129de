/** `task-execution-engine/testing`: what tests of tasks, tools and stores need. */
export { type VirtualClock, virtualClock } from '../clock.js';
export {
  type FaultShares,
  type FaultyStore,
  faultyStore,
  type StoreCall,
  type StoreFault,
} from './faulty-store.js';
export { reset } from './reset.js';
export {
  type ScriptedModel,
  type ScriptedModelOptions,
  scriptedModel,
  type Turn,
  type TurnParts,
} from './scripted-model.js';
export { type ConformanceCase, type StoreUnderTest, storeConformance } from './store-conformance.js';
export { createTestHost, type TestHost, type TestHostOptions } from './test-host.js';
export type { TestTask } from './test-task.js';
