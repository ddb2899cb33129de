import { describe, expect, test } from 'vitest';
import { withCachePoints } from '../../../js/models/bedrock/caching.js';
import { caching, takesTextBesideToolResults } from '../../../js/models/bedrock/model-family.js';
import { withTextInsideToolResults } from '../../../js/models/bedrock/tool-result-text.js';
import type { ContentBlock, ConverseRequest, Message } from '../../../js/types.js';

const claude = { tools: true, behindTextOnly: false };
const nova = { tools: false, behindTextOnly: true };
const point = { cachePoint: { type: 'default' as const } };
const user = (...content: ContentBlock[]): Message => ({ role: 'user', content });
const assistant = (...content: ContentBlock[]): Message => ({ role: 'assistant', content });
const tools = [{ toolSpec: { name: 'look', inputSchema: { json: {} } } }];
const request = (...messages: Message[]): ConverseRequest => ({
  system: [{ text: 'Be brief.' }],
  toolConfig: { tools },
  messages,
});
const pointsOf = (value: unknown) => JSON.stringify(value).split('cachePoint').length - 1;

describe('cache points', () => {
  test('stand after the tools, the system prompt and the last user message, and only that is copied', () => {
    const before = request(user({ text: 'a' }), assistant({ text: 'b' }), user({ text: 'c' }));
    const frozen = structuredClone(before);
    const after = withCachePoints(before, claude);
    expect(after).toEqual({
      system: [{ text: 'Be brief.' }, point],
      toolConfig: { tools: [...tools, point] },
      messages: [user({ text: 'a' }), assistant({ text: 'b' }), user({ text: 'c' }, point)],
    });
    expect(before).toEqual(frozen);
    expect(after.messages?.[0]).toBe(before.messages?.[0]);
    expect(after.messages?.[1]).toBe(before.messages?.[1]);
  });

  test('stand not after the tools where the model does not have it', () => {
    expect(withCachePoints(request(user({ text: 'a' })), nova).toolConfig).toEqual({ tools });
  });

  test('stand at the end of the last text where a model takes them behind nothing else', () => {
    const result = { toolResult: { toolUseId: 'a', content: [{ text: 'x' }] } };
    const image = { image: { format: 'png' as const, source: { bytes: new Uint8Array(1) } } };
    for (const end of [result, image]) {
      const messages = [user({ text: 'a' }), assistant({ text: 'b' }), user({ text: 'c' }, end)];
      const after = withCachePoints(request(...messages), nova).messages;
      expect(after).toEqual([user({ text: 'a' }, point), ...messages.slice(1)]);
      const beside = [...messages.slice(0, 2), user(end, { text: 'c' })];
      expect(withCachePoints(request(...beside), nova).messages?.at(-1)).toEqual(
        user(end, { text: 'c' }, point),
      );
    }
    expect(withCachePoints(request(user(image)), nova).messages).toEqual([user(image)]);
    const marked = [user({ text: 'a' }, point), assistant({ text: 'b' }), user(result)];
    expect(withCachePoints(request(...marked), nova).messages).toEqual(marked);
  });

  test('stand before the documents at the end that Bedrock writes out, and behind a PDF', () => {
    const source = { bytes: new Uint8Array(1) };
    const written = { document: { format: 'md' as const, name: 'Readme', source } };
    const pdf = { document: { format: 'pdf' as const, name: 'Bill', source } };
    const text = { text: 'Read.' };
    const marked = (...content: ContentBlock[]) =>
      withCachePoints(request(user(...content)), claude).messages?.[0]?.content;
    expect(marked(text, written, written)).toEqual([text, point, written, written]);
    expect(marked(text, pdf)).toEqual([text, pdf, point]);
    expect(marked(written, text)).toEqual([written, text, point]);
    expect(marked(text, point, written)).toEqual([text, point, written]);
    expect(marked(written)).toEqual([written]);
  });

  test('never follow reasoning', () => {
    const reasoning = { reasoningContent: { reasoningText: { text: 'Hm.' } } };
    const { messages } = withCachePoints(request(user({ text: 'a' }, reasoning)), claude);
    expect(messages).toEqual([user({ text: 'a' }, reasoning)]);
  });

  test.each([
    [0, 3],
    [1, 4],
    [2, 4],
    [3, 4],
    [4, 4],
  ])('are four at most: a history with %i of its own is sent with %i', (own, sent) => {
    const history = [
      user({ text: 'a' }, ...Array.from({ length: own }, () => point)),
      assistant({ text: 'b' }),
    ];
    const after = withCachePoints(request(...history, user({ text: 'c' })), claude);
    expect(pointsOf(after)).toBe(sent);
    expect(pointsOf(after.messages?.at(-1))).toBe(own < 4 ? 1 : 0);
  });

  test('that a request brings along stay alone', () => {
    const own = { ...request(user({ text: 'a' })), system: [{ text: 'Be brief.' }, point] };
    expect(withCachePoints(own, claude)).toBe(own);
    expect(pointsOf(withCachePoints(request(user({ text: 'a' }, point)), claude).messages)).toBe(1);
  });

  test('are none where there is nothing to cache', () => {
    expect(withCachePoints({}, claude)).toEqual({});
    expect(withCachePoints({ system: [], messages: [user()] }, claude)).toEqual({
      system: [],
      messages: [user()],
    });
  });
});

const arn = 'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/';

describe('by its id', () => {
  test.each([
    'anthropic.claude-3-5-haiku-20241022-v1:0',
    'anthropic.claude-3-5-sonnet-20241022-v2:0',
    'us.anthropic.claude-3-7-sonnet-20250219-v1:0',
    'eu.anthropic.claude-sonnet-4-20250514-v1:0',
    'apac.anthropic.claude-sonnet-4-20250514-v1:0',
    'global.anthropic.claude-sonnet-4-5-20250929-v1:0',
    `${arn}eu.anthropic.claude-opus-4-1-20250805-v1:0`,
    'arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0',
  ])('%s has prompt caching, after the tools too', (id) => {
    expect(caching(id)).toEqual({ prompt: true, ...claude });
  });

  test.each(['amazon.nova-pro-v1:0', 'us.amazon.nova-lite-v1:0', `${arn}eu.amazon.nova-micro-v1:0`])(
    '%s has prompt caching, but not after the tools',
    (id) => {
      expect(caching(id)).toEqual({ prompt: true, ...nova });
    },
  );

  test.each([
    'anthropic.claude-v2:1',
    'anthropic.claude-instant-v1',
    'anthropic.claude-3-haiku-20240307-v1:0',
    'us.anthropic.claude-3-opus-20240229-v1:0',
    'anthropic.claude-3-sonnet-20240229-v1:0',
    'anthropic.claude-3-5-sonnet-20240620-v1:0',
    'amazon.nova-canvas-v1:0',
    'amazon.nova-sonic-v1:0',
    'amazon.titan-text-premier-v1:0',
    'meta.llama3-3-70b-instruct-v1:0',
    'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123',
  ])('%s has none that is known', (id) => {
    expect(caching(id)).toMatchObject({ prompt: false, tools: false });
  });

  test.each([
    ['us.meta.llama3-3-70b-instruct-v1:0', false],
    ['meta.llama4-maverick-17b-instruct-v1:0', false],
    ['mistral.mistral-large-2407-v1:0', false],
    ['eu.mistral.pixtral-large-2502-v1:0', false],
    ['arn:aws:bedrock:us-east-1::foundation-model/mistral.mistral-large-2402-v1:0', false],
    ['anthropic.claude-sonnet-4-20250514-v1:0', true],
    ['amazon.nova-pro-v1:0', true],
  ])('%s takes text beside tool results: %s', (id, takes) => {
    expect(takesTextBesideToolResults(id)).toBe(takes);
  });
});

describe('for models that refuse text beside tool results', () => {
  const result = (toolUseId: string, text: string) => ({
    toolResult: { toolUseId, content: [{ text }], status: 'success' as const },
  });

  test('the text goes into the last result of its message, and nothing else changes', () => {
    const before = [
      user({ text: 'a' }),
      user(result('1', 'x'), result('2', 'y'), { text: 'b' }, { text: 'c' }),
    ];
    const frozen = structuredClone(before);
    const { messages } = withTextInsideToolResults({ messages: before });
    const last = {
      toolResult: { ...result('2', 'y').toolResult, content: [{ text: 'y' }, { text: 'b' }, { text: 'c' }] },
    };
    expect(messages).toEqual([user({ text: 'a' }), user(result('1', 'x'), last)]);
    expect(messages?.[0]).toBe(before[0]);
    expect(before).toEqual(frozen);
  });

  test('what another model has said beside its calls is left out', () => {
    const call = { toolUse: { toolUseId: '1', name: 'look', input: {} } };
    const { messages } = withTextInsideToolResults({
      messages: [user({ text: 'a' }), assistant({ text: 'I look.' }, call), user(result('1', 'x'))],
    });
    expect(messages).toEqual([user({ text: 'a' }), assistant(call), user(result('1', 'x'))]);
  });

  test('an empty result takes it, and pictures stay beside', () => {
    const picture = { image: { format: 'png' as const, source: { bytes: new Uint8Array(1) } } };
    const empty = { toolResult: { toolUseId: '1', content: undefined, status: 'success' as const } };
    const { messages } = withTextInsideToolResults({ messages: [user(empty, { text: 'b' }, picture)] });
    expect(messages).toEqual([
      user({ toolResult: { ...empty.toolResult, content: [{ text: 'b' }] } }, picture),
    ]);
  });

  test('a cache point behind it stays the end, and each message is moved once', () => {
    const message = user(result('1', 'x'), { text: 'b' });
    const [first, second] = [1, 2].map(
      () => withTextInsideToolResults({ messages: [message] }).messages?.[0],
    );
    expect(first).toBe(second);
    const cached = withCachePoints(withTextInsideToolResults({ messages: [message] }), claude);
    expect(cached.messages?.[0]?.content?.at(-1)).toEqual(point);
  });
});
