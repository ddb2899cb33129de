import { describe, expect, it } from 'vitest';
import { virtualClock } from '../../../js/clock.js';
import { type ScriptedModel, scriptedModel } from '../../../js/testing/scripted-model.js';
import type { ConverseRequest, ConverseStreamEvent } from '../../../js/types.js';

const request: ConverseRequest = { messages: [{ role: 'user', content: [{ text: 'go' }] }] };

async function ask(
  model: ScriptedModel,
  signal = new AbortController().signal,
): Promise<ConverseStreamEvent[]> {
  const events: ConverseStreamEvent[] = [];
  for await (const event of await model.stream(request, { signal })) {
    events.push(event);
  }
  return events;
}

const kinds = (events: ConverseStreamEvent[]) => events.map((event) => Object.keys(event)[0]);
const textOf = (events: ConverseStreamEvent[]) =>
  events.map((event) => event.contentBlockDelta?.delta?.text ?? '').join('');

describe('a scripted model', () => {
  it('streams text as Bedrock does: no contentBlockStart, whole characters, usage last', async () => {
    const events = await ask(scriptedModel(['Hello, wörld 😀😀'], { chunkSize: 3 }));
    expect(textOf(events)).toBe('Hello, wörld 😀😀');
    expect(kinds(events)).toEqual([
      'messageStart',
      ...Array(5).fill('contentBlockDelta'),
      'contentBlockStop',
      'messageStop',
      'metadata',
    ]);
    expect(events.at(-2)?.messageStop?.stopReason).toBe('end_turn');
    expect(events.at(-1)?.metadata?.usage).toEqual({ inputTokens: 11, outputTokens: 7, totalTokens: 18 });
    for (const event of events) {
      expect(event.contentBlockDelta?.delta?.text ?? '').not.toMatch(/\p{Surrogate}/u);
    }
  });

  it('puts reasoning, text and tool uses into blocks of their own', async () => {
    const model = scriptedModel([
      {
        reasoning: 'hm',
        text: 'I look.',
        tools: [
          { name: 'look', input: { at: 'x' } },
          { name: 'look', input: {}, id: 'mine' },
        ],
        usage: { inputTokens: 5, outputTokens: 6 },
      },
    ]);
    const events = await ask(model);
    expect(events.flatMap((e) => e.contentBlockStop?.contentBlockIndex ?? [])).toEqual([0, 1, 2, 3]);
    expect(events.flatMap((e) => e.contentBlockStart?.start?.toolUse?.toolUseId ?? [])).toEqual([
      'tooluse_1_0',
      'mine',
    ]);
    const input = events
      .filter((e) => e.contentBlockDelta?.contentBlockIndex === 2)
      .map((e) => e.contentBlockDelta?.delta?.toolUse?.input)
      .join('');
    expect(input).toBe('{"at":"x"}');
    expect(events.some((e) => e.contentBlockDelta?.delta?.reasoningContent?.signature)).toBe(true);
    expect(events.at(-2)?.messageStop?.stopReason).toBe('tool_use');
    expect(events.at(-1)?.metadata?.usage).toEqual({ inputTokens: 5, outputTokens: 6, totalTokens: 11 });
  });

  it('takes turns in order, computes those that are functions and keeps copies of the requests', async () => {
    const events: ConverseStreamEvent[] = [{ messageStop: { stopReason: 'end_turn' } }];
    const model = scriptedModel(['one', (r) => () => `heard ${r.messages?.[0]?.content?.[0]?.text}`, events]);
    await ask(model);
    expect(textOf(await ask(model))).toBe('heard go');
    expect(await ask(model)).toEqual(events);
    expect(model.requests).toEqual([request, request, request]);
    expect(model.requests[0]).not.toBe(request);
    model.assertDone();
  });

  it('answers every request with a single function', async () => {
    const model = scriptedModel(() => 'always');
    expect(textOf(await ask(model)) + textOf(await ask(model))).toBe('alwaysalways');
    model.assertDone();
  });

  it('fails loudly and for good where turns are missing, left over or throw', async () => {
    const model = scriptedModel(['one', 'two']);
    await ask(model);
    expect(() => model.assertDone()).toThrow('1 turn(s) are left over (2 scripted, 1 requests)');
    await ask(model);
    await expect(ask(model)).rejects.toMatchObject({
      name: 'ValidationException',
      $metadata: { httpStatusCode: 400 },
      message: expect.stringMatching(/request 3 has no turn in 2 scripted/),
    });
    expect(() => model.assertDone()).toThrow(/1 turn\(s\) are missing/);
    const throwing = scriptedModel([
      () => {
        throw new Error('assertion in a turn');
      },
    ]);
    await expect(ask(throwing)).rejects.toMatchObject({
      name: 'ValidationException',
      message: /assertion in a turn/,
    });
  });

  it('is throttled, is cut and breaks as the SDK is and does', async () => {
    const broken = new Error('broken');
    const model = scriptedModel([
      { fail: 'throttled' },
      { text: 'half a', fail: 'cut' },
      { text: 'half a', fail: broken },
      { fail: broken },
    ]);
    await expect(ask(model)).rejects.toMatchObject({
      name: 'ThrottlingException',
      $metadata: { httpStatusCode: 429 },
    });
    expect(kinds(await ask(model))).toEqual(['messageStart', 'contentBlockDelta']);
    await expect(ask(model)).rejects.toBe(broken);
    await expect(model.stream(request, { signal: new AbortController().signal })).rejects.toBe(broken);
  });

  it('stalls until it is aborted, then ends without an error', async () => {
    const model = scriptedModel([{ text: 'a', fail: 'stall' }, 'never heard']);
    const controller = new AbortController();
    const asked = ask(model, controller.signal);
    setTimeout(() => controller.abort(), 5);
    expect(kinds(await asked)).toEqual(['messageStart', 'contentBlockDelta']);
    await expect(ask(model, controller.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('takes its time where told to, and no longer once aborted', async () => {
    const clock = virtualClock({ auto: false });
    const model = scriptedModel(['ab', 'ab'], { chunkSize: 1, delayMs: 100, clock });
    const begun = clock.now();
    let done = false;
    const asked = ask(model).then((events) => {
      done = true;
      return events;
    });
    await clock.advance(500);
    expect(done).toBe(false);
    await clock.advance(100);
    expect(textOf(await asked)).toBe('ab');
    expect(clock.now() - begun).toBe(600);
    const controller = new AbortController();
    const aborted = ask(model, controller.signal);
    await clock.advance(150);
    controller.abort();
    expect(kinds(await aborted)).toEqual(['messageStart']);
  });
});
