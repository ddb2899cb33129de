import { bedrockModel } from '../../models/bedrock/index.js';
import { scriptedModel } from '../../testing/index.js';
import type { ModelClient } from '../../types.js';
import { Quit } from '../exit.js';
import type { DemoOptions } from '../options.js';
import type { Pace } from './pace.js';
import { demoTurn } from './script/turns.js';

/** The model of a demo, and what it is called on the screen. */
export interface DemoModel {
  name: string;
  model: ModelClient;
}

/** Where the repository puts the real SDK and a local endpoint between the engine and the script. */
const wire = Symbol.for('task-execution-engine/demo-wire');
const sdk = '@aws-sdk/client-bedrock-runtime';

/** @throws Quit where Bedrock is asked for and cannot be used */
export async function demoModel({ bedrock, region }: DemoOptions, pace: Pace): Promise<DemoModel> {
  if (bedrock !== undefined) {
    return { name: bedrock, model: await realModel(bedrock, region) };
  }
  const script = pace.model(scriptedModel(demoTurn, { chunkSize: 6, record: false }));
  const over = Reflect.get(globalThis, wire) as ((script: ModelClient) => ModelClient) | undefined;
  return over === undefined
    ? { name: 'scripted model', model: script }
    : { name: 'scripted model behind a local Bedrock endpoint', model: over(script) };
}

async function realModel(modelId: string, region = process.env.AWS_REGION): Promise<ModelClient> {
  if (!region) {
    throw new Quit('--bedrock needs a region: add --region us-east-1, for example, or set AWS_REGION.');
  }
  let module: { BedrockRuntimeClient: new (config: object) => { config: { credentials(): unknown } } };
  try {
    module = await import(sdk);
  } catch {
    throw new Quit(
      `--bedrock needs the AWS SDK. This works:\n  npx -p task-execution-engine -p ${sdk} -p @smithy/node-http-handler task-execution-engine demo --bedrock ${modelId} --region ${region}`,
    );
  }
  try {
    await new module.BedrockRuntimeClient({ region }).config.credentials();
  } catch (error) {
    throw new Quit(
      `There are no AWS credentials: ${error instanceof Error ? error.message : String(error)}\n` +
        'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run aws sso login. ' +
        'They need the permission bedrock:InvokeModelWithResponseStream. Without --bedrock the demo needs no account.',
    );
  }
  return bedrockModel({ region, modelId });
}
