import { appendFile } from 'node:fs/promises';
import { jsonSchema, tool } from 'task-execution-engine';

/** Appends to a file what a real one would send to a shop. */
export const placeOrder = tool({
  description: 'Orders lunch.',
  inputSchema: jsonSchema<{ dish: string; portions: number }>({
    type: 'object',
    properties: { dish: { type: 'string' }, portions: { type: 'integer', minimum: 1 } },
    required: ['dish', 'portions'],
  }),
  async execute({ dish, portions }, { idempotencyKey }) {
    const order = { dish, portions, key: idempotencyKey };
    await appendFile(process.env.ORDERS_FILE ?? 'orders.ndjson', `${JSON.stringify(order)}\n`);
    return `ordered: ${portions} × ${dish}`;
  },
});
