import * as sdk from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { describe, expect, test } from 'vitest';
import { bedrockModel } from '../../js/models/bedrock/index.js';
import type { ConverseRequest } from '../../js/types.js';
import { type Call, startEndpoint, textTurn } from './endpoint.js';

const modelId = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const request = { messages: [{ role: 'user', content: [{ text: 'Hello' }] }] } as ConverseRequest;
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
const whole = async (call: Call) => {
  await call.events(textTurn('Hello.'));
  call.end();
};

async function warningsFor(settings: object): Promise<string[]> {
  const endpoint = await startEndpoint([whole, whole]);
  const client = new sdk.BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: endpoint.url,
    credentials,
    requestHandler: new NodeHttpHandler({ socketTimeout: 1_000 }),
    ...settings,
  });
  const warnings: string[] = [];
  const logger = { warn: (message: string) => void warnings.push(message) };
  try {
    for (let asked = 0; asked < 2; asked += 1) {
      const model = bedrockModel({ client, modelId, logger });
      for await (const _ of await model.stream(request, { signal: new AbortController().signal }));
    }
    return warnings;
  } finally {
    client.destroy();
    await endpoint.close();
  }
}

describe('a client of the app', () => {
  test('that retries by itself is warned of once, also where two models share it', async () => {
    expect(await warningsFor({ maxAttempts: 3 })).toEqual([expect.stringMatching(/tries 3 times/)]);
  });

  test('whose connections have no time limit is warned of once', async () => {
    const settings = { maxAttempts: 1, requestHandler: new NodeHttpHandler() };
    expect(await warningsFor(settings)).toEqual([expect.stringMatching(/no time limit.*socketTimeout/)]);
  });

  test('with the recommended settings is not warned of', async () => {
    expect(await warningsFor({ maxAttempts: 1 })).toEqual([]);
  });
});

test('a region with an sdk that has no client is said to be not configured', async () => {
  const { ConverseStreamCommand } = sdk;
  const model = bedrockModel({ region: 'us-east-1', modelId, sdk: { ConverseStreamCommand } });
  const asked = Promise.resolve(model.stream(request, { signal: new AbortController().signal }));
  await expect(asked).rejects.toMatchObject({
    code: 'NOT_CONFIGURED',
    message: expect.stringContaining('BedrockRuntimeClient'),
  });
});

test.each(['1.1', '2'] as const)(
  'leaving the stream early over HTTP/%s closes the connection',
  async (version) => {
    const endpoint = await startEndpoint(
      [
        async (call) => {
          await call.events(textTurn('Hello.').slice(0, 2));
          await call.gone;
        },
      ],
      version,
    );
    const client = new sdk.BedrockRuntimeClient({
      region: 'us-east-1',
      endpoint: endpoint.url,
      credentials,
      maxAttempts: 1,
      ...(version === '1.1' ? { requestHandler: new NodeHttpHandler({ socketTimeout: 60_000 }) } : {}),
    });
    try {
      const model = bedrockModel({ client, modelId, logger: { warn: () => {} } });
      for await (const _ of await model.stream(request, { signal: new AbortController().signal })) break;
      await expect.poll(() => endpoint.calls[0]?.closed, { timeout: 1_000 }).toBe(true);
    } finally {
      client.destroy();
      await endpoint.close();
    }
  },
);
