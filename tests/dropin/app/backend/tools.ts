/** The app's tools; the old class tells the model about them, and leaves running them to a listener. */
export const tools = {
  lookup: {
    description: 'Looks something up.',
    inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
    execute: ({ path }: { path: string }) => `the content of ${path}`,
  },
};
