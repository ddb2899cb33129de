import type { AbortSignalLike, ConverseStreamEvent, ModelClient } from '../../types.js';

/** How long things take, so that people can follow; in milliseconds at speed 1. */
const thinkingMs = 400;
const deltaMs = 60;
const toolMs = 900;

/** Waits that get shorter with the speed. */
export interface Pace {
  /** A tool at work. Rejects with the signal's reason when it is aborted. */
  tool(signal: AbortSignalLike): Promise<void>;
  /** The same model, at the pace of people. */
  model(model: ModelClient): ModelClient;
}

export function paceOf(speed: number): Pace {
  return {
    async tool(signal) {
      await wait(toolMs / speed, signal);
      if (signal.aborted) throw signal.reason ?? new Error('The call was aborted.');
    },
    model: (model) => ({
      async stream(request, { signal }) {
        const events = await model.stream(request, { signal });
        return slowly(events, speed, signal);
      },
    }),
  };
}

async function* slowly(
  events: AsyncIterable<ConverseStreamEvent>,
  speed: number,
  signal: AbortSignalLike,
): AsyncGenerator<ConverseStreamEvent> {
  await wait(thinkingMs / speed, signal);
  for await (const event of events) {
    if (event.contentBlockDelta?.delta?.text !== undefined) await wait(deltaMs / speed, signal);
    if (signal.aborted) return;
    yield event;
  }
}

function wait(ms: number, signal: AbortSignalLike): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
