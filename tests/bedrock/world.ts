import { BedrockRuntimeClient } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { createTaskEngine, memoryStore } from '../../js/index.js';
import { bedrockModel } from '../../js/models/bedrock/index.js';
import type { RunOptions, TaskEvent, Tools } from '../../js/types.js';
import { type Call, type Endpoint, startEndpoint } from './endpoint.js';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };

/** Milliseconds: so long the model may be silent. */
export const idleMs = 400;

/** Short waits, so that a whole table of faults is quick. */
export const quick: RunOptions = {
  idleTimeoutMs: idleMs,
  graceMs: 200,
  retry: { attempts: 3, baseMs: 20, maxMs: 40 },
};

/** The engine over the real SDK and an endpoint of this machine. */
export async function world(
  scripts: ((call: Call) => Promise<void> | void)[],
  version: '1.1' | '2' = '1.1',
  modelId = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
  more: { tools?: Tools; model?: string; fields?: Record<string, unknown> } = {},
) {
  const endpoint: Endpoint = await startEndpoint(scripts, version);
  const client = new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: endpoint.url,
    credentials,
    maxAttempts: 1,
    ...(version === '1.1' ? { requestHandler: new NodeHttpHandler({ socketTimeout: 420_000 }) } : {}),
  });
  const ran: { tool: string; input: unknown }[] = [];
  const warnings: string[] = [];
  const recording = (tool: string) => ({
    description: `Does ${tool}.`,
    inputSchema: { type: 'object' },
    execute: (input: unknown) => {
      ran.push({ tool, input });
      return `${tool} is done`;
    },
  });
  const store = memoryStore();
  const engine = createTaskEngine({
    store,
    model: bedrockModel({
      client,
      modelId,
      additionalModelRequestFields: more.fields as never,
      logger: { warn: (message) => warnings.push(message) },
    }),
    tools: { note: recording('note'), danger: recording('danger'), ...more.tools },
    defaults: quick,
  });
  const config = more.model === undefined ? {} : { config: { model: more.model } };
  const task = await engine.createTask('u', { title: 'T', ...config });
  const events: TaskEvent[] = [];
  return {
    endpoint,
    engine,
    task,
    store,
    ran,
    warnings,
    events,
    executor() {
      const executor = engine.executor(task.id, 'u');
      for (const type of ['task:message', 'task:retry', 'task:error', 'task:tool_result'] as const) {
        executor.on(type, (payload) => events.push({ type, ...payload } as TaskEvent));
      }
      return executor;
    },
    async close() {
      client.destroy();
      await endpoint.close();
    },
  };
}
