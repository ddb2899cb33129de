import { tool } from 'task-execution-engine';

export const tools = {
  lookup: tool({
    description: 'Looks a file up.',
    inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
    execute: (input) => `the text of ${(input as { path: string }).path}`,
  }),
};
