import { describe, expect, it } from 'vitest';
import { fitted } from '../../js/fitting.js';
import { Transcript } from '../../js/transcript.js';
import type { ContentBlock, Message } from '../../js/types.js';

const signed: ContentBlock = { reasoningContent: { reasoningText: { text: 'hmm', signature: 's' } } };
const unsigned: ContentBlock = { reasoningContent: { reasoningText: { text: 'hmm' } } };
const redacted: ContentBlock = { reasoningContent: { redactedContent: new Uint8Array([1]) } };
const use: ContentBlock = { toolUse: { toolUseId: 'a', name: 'look', input: {} } };
const said = (...content: ContentBlock[]): Message => structuredClone({ role: 'assistant', content });

const claude = 'anthropic.claude-sonnet-5';
const glm = 'zai.glm-4.7';

describe('reasoning goes back', () => {
  it.each<[string, ContentBlock, string | undefined, string | undefined, boolean]>([
    ['to the model that wrote it', signed, claude, claude, true],
    ['to the same model in a profile of another region', signed, claude, `eu.${claude}`, true],
    [
      'to the same model by its ARN',
      signed,
      `us.${claude}`,
      `arn:aws:bedrock:us-east-1:1:inference-profile/us.${claude}`,
      true,
    ],
    ['where nobody knows who wrote it', signed, undefined, claude, true],
    ['where nobody knows who reads it', unsigned, glm, undefined, true],
    ['to a model that signs nothing', unsigned, glm, glm, true],
    ['not to another model', unsigned, glm, claude, false],
    ['not to another model, though it is signed', signed, 'anthropic.claude-opus-4', claude, false],
    ['not unsigned to Claude', unsigned, undefined, claude, false],
    ['redacted, to its own model', redacted, claude, claude, true],
    ['never to DeepSeek', unsigned, 'us.deepseek.r1-v1:0', 'us.deepseek.r1-v1:0', false],
  ])('%s', (_, block, author, reader, stays) => {
    const { content } = fitted(said(block, use), author, reader, []);
    expect(content).toEqual(stays ? [block, use] : [use]);
  });

  it('and a message that was nothing else still says something', () => {
    expect(fitted(said(unsigned), glm, claude, []).content).toEqual([{ text: expect.stringMatching(/\S/) }]);
  });
});

describe('a model is the same', () => {
  it.each([
    ['anthropic.claude-sonnet-4-5-20250929-v1:0', 'us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    [
      'sa.anthropic.claude-opus-4-7',
      'arn:aws:bedrock:x:1:inference-profile/global.anthropic.claude-opus-4-7',
    ],
    ['zai.glm-4.7', 'apac.zai.glm-4.7'],
  ])('in every region: %s', (author, reader) => {
    const message = said(signed, use);
    expect(fitted(message, author, reader, [])).toBe(message);
  });
});

describe('what a model has refused', () => {
  const image: ContentBlock = { image: { format: 'png', source: { bytes: new Uint8Array([1]) } } };
  const result = {
    role: 'user',
    content: [{ toolResult: { toolUseId: 'a', content: [{ text: 'x' }, image] } }, image],
  } as Message;

  it('is named instead, in results and beside them', () => {
    const { content } = fitted(result, undefined, glm, [{ model: glm, block: 'image' }]);
    const told = { text: expect.stringMatching(/type image is left out/) };
    expect(content).toEqual([{ toolResult: { toolUseId: 'a', content: [{ text: 'x' }, told] } }, told]);
  });

  it('goes to every other model as it is', () => {
    expect(fitted(result, undefined, claude, [{ model: glm, block: 'image' }])).toBe(result);
  });
});

describe('a request', () => {
  it('follows its model: what one may not read, the next one may', () => {
    const made = new Transcript();
    made.apply([
      { op: 'model', id: claude },
      { op: 'push', message: { role: 'user', content: [{ text: 'a' }] } },
      { op: 'author', model: claude },
      { op: 'push', message: said(signed, use) },
      { op: 'push', message: { role: 'user', content: [{ text: 'b' }] } },
    ]);
    const second = () => made.request().messages?.[1]?.content;
    expect(second()).toEqual([signed, use]);
    made.apply([{ op: 'model', id: glm }]);
    expect(second()).toEqual([use]);
    made.apply([{ op: 'model', id: claude }]);
    expect(second()).toEqual([signed, use]);
  });

  it('leaves out reasoning that the service takes for forged, and sends what is written later', () => {
    const made = new Transcript('own');
    made.apply([
      { op: 'push', message: { role: 'user', content: [{ text: 'a' }] } },
      { op: 'push', message: said(signed, use) },
      { op: 'withhold', block: 'reasoning' },
      { op: 'push', message: { role: 'user', content: [{ text: 'b' }] } },
      { op: 'push', message: said(signed, use) },
    ]);
    expect(made.request().messages?.map(({ content }) => content?.length)).toEqual([1, 1, 1, 2]);
  });

  it("is the receiver's own: what it changes is in no later request", () => {
    const made = new Transcript();
    const toolConfig = { tools: [{ toolSpec: { name: 'x', inputSchema: { json: {} } } }] };
    made.apply([
      { op: 'system', text: 's' },
      { op: 'tools', toolConfig },
    ]);
    for (let i = 0; i < 20; i++) {
      made.apply([
        { op: 'push', message: { role: i % 2 ? 'assistant' : 'user', content: [{ text: `${i}` }] } },
      ]);
    }
    const before = structuredClone(made.request());
    const request = made.request();
    request.messages?.push({ role: 'user', content: [] });
    const last = request.messages?.[19] as Message;
    last.content?.push({ cachePoint: { type: 'default' } });
    Object.assign(last.content?.[0] ?? {}, { text: 'changed' });
    request.system?.push({ cachePoint: { type: 'default' } });
    request.toolConfig?.tools?.push({ cachePoint: { type: 'default' } });
    expect(made.request()).toEqual(before);
    expect(() => request.messages?.[0]?.content?.push({ text: 'far back' })).toThrow(TypeError);
    expect(made.request()).toEqual(before);
  });
});
