/** The model and the tools of the soak. What the model says follows from the request; when and how it fails is drawn. */

import { sleep } from './gauges.mjs';

/** The calls of an item's turns, by kind of item; the turn after the last of them has text only. */
const steps = {
  quick: [['note']],
  long: [
    ['slow', 'sync'],
    ['note', 'deaf'],
  ],
  broken: [['broken', 'note']],
  gated: [['ask', 'note']],
  person: [['person']],
  big: [['big'], ['note']],
  endless: [['never']],
};
export const kinds = Object.keys(steps);

export const itemName = (kind, n) => `${kind} ${n}`;

/** The user turn that states an item. */
const statementOf = ({ name }) => `Item: ${name}`;

function turnAfter(messages) {
  let item = 'none';
  let step = 0;
  for (const { role, content: blocks } of messages) {
    for (const { text } of blocks) {
      if (text?.startsWith('Item: ')) {
        item = text.slice('Item: '.length).split('\n')[0];
        step = 0;
      }
    }
    if (role === 'assistant' && blocks.some(({ toolUse }) => toolUse)) step += 1;
  }
  const names = steps[item.split(' ')[0]]?.[step] ?? [];
  return {
    text: `${item}, step ${step + 1}. ${names.length > 0 ? 'On I go.' : 'Done.'}`,
    calls: names.map((name, i) => ({ name, id: `${item.replaceAll(' ', '-')}.${step}.${i}` })),
  };
}

const named = (name) => Object.assign(new Error(`It is ${name}.`), { name });

/** Fails in one turn of twelve: before the first event, in mid-stream, without an end, or by silence. */
export function failingModel(random) {
  return {
    async *stream({ messages }, { signal }) {
      const { text, calls } = turnAfter(messages);
      const fails = random.chance(1 / 12)
        ? random.pick(['throttled', 'error', 'cut', 'silent', 'blank'])
        : '';
      if (fails === 'throttled') throw named('ThrottlingException');
      yield { messageStart: { role: 'assistant' } };
      for (const delta of [text.slice(0, 7), text.slice(7)]) {
        if (random.chance(0.5)) await sleep(random.between(0, 4));
        yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: delta } } };
        if (fails === 'error') throw random.pick([new Error('lost'), 'a string', undefined]);
        if (fails === 'cut') return;
        if (fails === 'silent') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      }
      yield { contentBlockStop: { contentBlockIndex: 0 } };
      for (const [i, { name, id }] of calls.entries()) {
        const contentBlockIndex = i + 1;
        yield { contentBlockStart: { contentBlockIndex, start: { toolUse: { toolUseId: id, name } } } };
        yield { contentBlockDelta: { contentBlockIndex, delta: { toolUse: { input: `{"what":"${id}"}` } } } };
        yield { contentBlockStop: { contentBlockIndex } };
      }
      yield { messageStop: { stopReason: calls.length > 0 ? 'tool_use' : 'end_turn' } };
      yield { metadata: { usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 } } };
    },
  };
}

function toolsOf(random) {
  const tool = (execute, extra) => ({
    description: 'Works.',
    inputSchema: { type: 'object', properties: { what: { type: 'string' } } },
    ...(execute && { execute }),
    ...extra,
  });
  const waits = async (ms, signal) => {
    const until = performance.now() + ms;
    while (performance.now() < until) {
      if (signal.aborted) throw signal.reason;
      await sleep(2);
    }
  };
  return {
    note: tool(() => 'noted'),
    slow: tool(async (_, { signal }) => waits(random.between(2, 20), signal)),
    sync: tool(async (_, { signal }) => waits(random.between(2, 20), signal), { onUnknownOutcome: 'rerun' }),
    deaf: tool(() => sleep(random.between(5, 60)).then(() => ({ heard: 'nothing' }))),
    broken: tool(() => {
      throw random.pick([new Error('broken'), 'a string', null, Object.create(null)]);
    }),
    big: tool(() => 'x'.repeat(20_000)),
    never: tool(() => new Promise(() => {}), { timeoutMs: 30 }),
    ask: tool(() => 'allowed', { needsApproval: true }),
    person: tool(undefined),
  };
}

/** Callbacks of a host that fail at times. */
export function failingCallbacks(random) {
  const tools = toolsOf(random);
  const fails = (what) => {
    if (random.chance(0.01)) throw new Error(`${what} failed on purpose`);
  };
  return {
    async tools() {
      fails('tools');
      return tools;
    },
    prompt({ item }) {
      fails('prompt');
      return statementOf(item);
    },
    async approval() {
      fails('approval');
      return false;
    },
  };
}
