import { setTimeout as pause } from 'node:timers/promises';
import { jsonSchema, type Tools, tool } from 'task-execution-engine';

const archive = [
  { title: 'The tram line to the harbour opens', year: 2024 },
  { title: 'Harbour cranes become a park', year: 2025 },
  { title: 'What the market hall will cost', year: 2026 },
];

/** What the model can do. Real ones would ask a database, a mail service, a shop. */
export const tools: Tools = {
  search_archive: tool({
    description: 'Searches the archive of the newspaper for a word.',
    inputSchema: jsonSchema<{ query: string }>({
      type: 'object',
      properties: { query: { type: 'string' } },
      required: ['query'],
    }),
    async execute({ query }, { report, signal }) {
      for (let step = 1; step <= 4; step += 1) {
        await pause(Number(process.env.TOOL_STEP_MS ?? 400), undefined, { signal });
        report(step / 4);
      }
      const word = query.toLowerCase();
      return { found: archive.filter(({ title }) => title.toLowerCase().includes(word)) };
    },
  }),
  /** Without `execute`: the call waits for a person's answer. */
  ask_editor: tool({
    description: 'Asks the editor a question and waits for the answer.',
    inputSchema: jsonSchema<{ question: string; choices?: string[] }>({
      type: 'object',
      properties: {
        question: { type: 'string' },
        choices: { type: 'array', items: { type: 'string' } },
      },
      required: ['question'],
    }),
  }),
  send_newsletter: tool({
    description: 'Sends the newsletter to all who subscribe.',
    inputSchema: jsonSchema<{ subject: string; readers: number }>({
      type: 'object',
      properties: { subject: { type: 'string' }, readers: { type: 'integer' } },
      required: ['subject', 'readers'],
    }),
    needsApproval: true,
    // After a crash in mid-send nobody knows whether it went out: a person decides.
    onUnknownOutcome: 'ask',
    async execute({ subject, readers }, { signal, idempotencyKey }) {
      await pause(Number(process.env.TOOL_STEP_MS ?? 400), undefined, { signal });
      return `Sent “${subject}” to ${readers} readers (${idempotencyKey.slice(0, 8)}).`;
    },
  }),
};
