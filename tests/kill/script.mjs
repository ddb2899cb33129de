/** The model and the tools of the kill test. What the model says follows from the request alone. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const chunkMs = 25;
const chunks = 7;
const slowMs = { least: 120, most: 280 };

/** The calls of an item's turns, by the last figure of its name; the turn after the last of them has text only. */
const stepsOf = {
  1: [
    ['write_slowly', 'sync_slowly', 'write'],
    ['sync', 'write_slowly'],
  ],
  2: [['ask', 'write_slowly'], ['sync_slowly']],
  3: [
    ['person', 'sync'],
    ['write_slowly', 'ask'],
  ],
};

/** The user turn that states an item. */
export const statementOf = ({ name }) => `Item: ${name}`;

/** Tells `note` while it streams. */
export function slowModel(note) {
  return {
    async *stream({ messages }, { signal }) {
      const turn = turnAfter(messages);
      note(true);
      try {
        yield { messageStart: { role: 'assistant' } };
        for (const delta of pieces(turn.text)) {
          await sleep(chunkMs, undefined, { signal });
          yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: delta } } };
        }
        yield { contentBlockStop: { contentBlockIndex: 0 } };
        for (const [i, { name, id, input }] of turn.calls.entries()) {
          const contentBlockIndex = i + 1;
          yield { contentBlockStart: { contentBlockIndex, start: { toolUse: { toolUseId: id, name } } } };
          yield {
            contentBlockDelta: { contentBlockIndex, delta: { toolUse: { input: JSON.stringify(input) } } },
          };
          yield { contentBlockStop: { contentBlockIndex } };
        }
        yield { messageStop: { stopReason: turn.calls.length > 0 ? 'tool_use' : 'end_turn' } };
        yield { metadata: { usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 } } };
      } finally {
        note(false);
      }
    },
  };
}

function turnAfter(messages) {
  let item = 'none';
  let step = 0;
  let unknown = 0;
  for (const { role, content } of messages) {
    for (const block of content) {
      if (block.text?.startsWith('Item: ')) {
        item = block.text.slice('Item: '.length).split('\n')[0];
        step = 0;
        unknown = 0;
      }
      if (block.toolResult?.status === 'error') unknown++;
    }
    if (role === 'assistant' && content.some((block) => block.toolUse)) step++;
  }
  const calls = (stepsOf[item.at(-1)]?.[step] ?? []).map((name, i) => {
    const id = `${item.replaceAll(' ', '-')}.${step}.${i}`;
    return { name, id, input: { what: id } };
  });
  const doubts =
    unknown === 0 ? 'Nothing is in doubt.' : `${unknown} outcomes are in doubt, which I leave alone.`;
  return { text: `${item}, step ${step + 1}. ${doubts} ${calls.length === 0 ? 'Done.' : 'On I go.'}`, calls };
}

function pieces(text) {
  const length = Math.ceil(text.length / chunks);
  return Array.from({ length: chunks }, (_, i) => text.slice(i * length, (i + 1) * length)).filter(Boolean);
}

/** Tools whose executions are noted by `log` when they begin and when they end; `note` hears how many run. */
export function loggedTools(log, note) {
  let running = 0;
  const tool = (ms, extra) => ({
    description: 'Changes the world.',
    inputSchema: { type: 'object', properties: { what: { type: 'string' } }, required: ['what'] },
    async execute(_, { toolCallId, attempt, signal }) {
      const began = Date.now();
      const nonce = randomUUID();
      note(++running);
      try {
        await log({ what: 'begin', toolCallId, attempt, nonce, began });
        await sleep(ms(), undefined, { signal });
        await log({ what: 'end', toolCallId, attempt, nonce });
      } finally {
        note(--running);
      }
      return { nonce };
    },
    ...extra,
  });
  const fast = () => 3;
  const slow = () => slowMs.least + Math.random() * (slowMs.most - slowMs.least);
  return {
    write: tool(fast, {}),
    write_slowly: tool(slow, {}),
    sync: tool(fast, { onUnknownOutcome: 'rerun' }),
    sync_slowly: tool(slow, { onUnknownOutcome: 'rerun' }),
    ask: tool(fast, { needsApproval: true }),
    person: { ...tool(fast, {}), execute: undefined },
  };
}
