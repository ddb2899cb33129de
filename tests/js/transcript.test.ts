import { expect, test } from 'vitest';
import { Transcript } from '../../js/transcript.js';
import type { Message } from '../../js/types.js';

const said = (role: 'user' | 'assistant', text: string): Message => ({ role, content: [{ text }] });

function transcript(...messages: Message[]) {
  const made = new Transcript();
  made.apply(messages.map((message) => ({ op: 'push', message })));
  return made;
}

test('a request has what the operations set, and what they unset it has not', () => {
  const made = transcript(said('user', 'a'));
  const toolConfig = { tools: [] };
  made.apply([
    { op: 'system', text: 's' },
    { op: 'model', id: 'm' },
    { op: 'tools', toolConfig },
  ]);
  expect(made.request()).toEqual({
    system: [{ text: 's' }],
    modelId: 'm',
    toolConfig,
    messages: [said('user', 'a')],
  });
  made.apply([{ op: 'system' }, { op: 'model' }, { op: 'tools' }, { op: 'clear' }]);
  expect(made.request()).toEqual({ messages: [] });
});

test('each request has a list of its own', () => {
  const made = transcript(said('user', 'a'));
  made.request().messages?.pop();
  expect(made.request().messages).toHaveLength(1);
});

test('messages are replaced and left out by index, and roles still alternate', () => {
  const marker = () => said('user', '(left out)');
  const made = transcript(
    said('user', 'a'),
    said('assistant', 'b'),
    said('user', 'c'),
    said('assistant', 'd'),
  );
  made.apply([{ op: 'replace', index: 2, message: said('user', 'C') }]);
  made.apply([{ op: 'dropBefore', index: 2, marker: marker() }]);
  expect(made.request().messages).toEqual([
    { role: 'user', content: [{ text: '(left out)' }, { text: 'C' }] },
    said('assistant', 'd'),
  ]);
  made.apply([{ op: 'dropBefore', index: 1, marker: marker() }]);
  expect(made.request().messages).toEqual([marker(), said('assistant', 'd')]);
});

test('a request holds the last twenty images and documents, and the last five documents', () => {
  const bytes = new Uint8Array([1]);
  const image = { image: { format: 'png' as const, source: { bytes } } };
  const document = { document: { format: 'pdf' as const, name: 'Page', source: { bytes } } };
  const used = { role: 'assistant' as const, content: [{ text: 'Next.' }] };
  const shown = { role: 'user' as const, content: [{ text: 'Look.' }, image] };
  const read = {
    role: 'user' as const,
    content: [{ toolResult: { toolUseId: 'x', content: [image, document] } }],
  };
  const made = transcript();
  for (let i = 0; i < 12; i++) {
    for (const message of structuredClone([shown, used, read, used])) {
      made.apply([{ op: 'push', message: structuredClone(message) as Message }]);
    }
  }
  const sent = JSON.stringify(made.request().messages);
  expect(sent.match(/"image":/g)).toHaveLength(15);
  expect(sent.match(/"document":/g)).toHaveLength(5);
  expect(sent.match(/An image is left out here/g)).toHaveLength(9);
  expect(sent.match(/The document Page is left out here/g)).toHaveLength(7);
  const [first, last] = [made.request().messages?.[0], made.request().messages?.at(-2)];
  expect(first?.content?.[1]?.text).toMatch(/at most 20/);
  expect(last?.content?.[0]?.toolResult?.content?.map((part) => Object.keys(part)[0])).toEqual([
    'image',
    'document',
  ]);
});

test('documents of one name get names without two spaces in a row, which Bedrock refuses', () => {
  const document = (name: string) => ({
    document: { format: 'txt' as const, name, source: { bytes: new Uint8Array([1]) } },
  });
  const long = `${'x'.repeat(189)} and more`;
  const made = transcript({
    role: 'user',
    content: [{ text: 'Read.' }, ...['report ', 'report ', long, long].map(document)],
  });
  const names = made.request().messages?.[0]?.content?.flatMap((block) => block.document?.name ?? []);
  expect(names).toEqual(['report ', 'report 2', long, `${'x'.repeat(189)} 2`]);
});

test('bytes are bytes again, but not inside what tools took or returned', () => {
  const lookalike = { $bytes: 'AQI=' };
  const made = transcript({
    role: 'user',
    content: [
      { image: { format: 'png', source: { bytes: { $bytes: 'AQI=' } as never } } },
      { toolUse: { toolUseId: 'x', name: 'n', input: { a: lookalike } } },
      {
        toolResult: {
          toolUseId: 'x',
          content: [{ json: lookalike }, { image: { format: 'png', source: { bytes: lookalike as never } } }],
        },
      },
    ],
  });
  const bytes = new Uint8Array([1, 2]);
  expect(made.request().messages?.[0]?.content).toEqual([
    { image: { format: 'png', source: { bytes } } },
    { toolUse: { toolUseId: 'x', name: 'n', input: { a: lookalike } } },
    {
      toolResult: {
        toolUseId: 'x',
        content: [{ json: lookalike }, { image: { format: 'png', source: { bytes } } }],
      },
    },
  ]);
});
