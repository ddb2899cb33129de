import type { TestProject } from 'vitest/node';
import { startEmulator } from './emulator.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Host and port of the emulator that allows everything; give each test a project of its own. */
    firestore: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const emulator = await startEmulator();
  project.provide('firestore', emulator.host);
  return () => emulator.stop();
}
