import { fileURLToPath } from 'node:url';

/** What ships with the command; the build lays it beside the command as it lies beside this file. */
export const samplePlan: string = fileURLToPath(new URL('./demo/plan.json', import.meta.url));
export const sampleInput: string = fileURLToPath(new URL('./demo/sample', import.meta.url));
