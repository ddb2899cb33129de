import { BedrockRuntimeClient } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { ModelClient } from 'task-execution-engine';
import { bedrockModel } from 'task-execution-engine/bedrock';

const modelId = process.env.BEDROCK_MODEL ?? 'anthropic.claude-sonnet-4-5-20250929-v1:0';

/** Amazon Bedrock, with the credentials of the AWS SDK; an endpoint of this machine where BEDROCK_ENDPOINT names one. */
export function openModel(): ModelClient {
  const region = process.env.AWS_REGION ?? 'us-east-1';
  const endpoint = process.env.BEDROCK_ENDPOINT;
  if (!endpoint) return bedrockModel({ region, modelId });
  const client = new BedrockRuntimeClient({
    region,
    endpoint,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ socketTimeout: 420_000 }),
  });
  return bedrockModel({ client, modelId });
}

/** US dollars for a million tokens, as Amazon lists them for Claude Sonnet 4.5. */
export const price = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 };
