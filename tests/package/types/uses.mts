import type * as sdk from '@aws-sdk/client-bedrock-runtime';
import { Firestore } from '@google-cloud/firestore';
import { getFirestore } from 'firebase-admin/firestore';
import {
  type ConverseRequest,
  type ConverseStreamEvent,
  createTaskEngine,
  type Infer,
  jsonSchema,
  type Message,
  type ModelClient,
  memoryStore,
  type TaskEvent,
  type TaskEventMap,
  TaskExecutionError,
  TaskExecutor,
  type TaskHost,
  TaskLifecycle,
  type TaskOutcome,
  type TaskPersistence,
  type Tool,
  type ToolContext,
  tool,
} from 'task-execution-engine';
import { bedrockModel } from 'task-execution-engine/bedrock';
import { firestoreRestStore, firestoreStore, fromTaskDatabaseService } from 'task-execution-engine/firestore';
import { sqliteStore } from 'task-execution-engine/sqlite';
import { createTestHost, scriptedModel } from 'task-execution-engine/testing';
import * as v from 'valibot';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(is: Same<A, B>): void;

// Inputs of tools

interface Found {
  path: string;
  depth: number;
}

export const zodTool = tool({
  description: 'zod',
  inputSchema: z.object({ path: z.string(), depth: z.string().transform(Number) }),
  execute(input, context) {
    same<typeof input, Found>(true);
    same<typeof context, ToolContext>(true);
    same<typeof context.signal, AbortSignal>(true);
    // @ts-expect-error no such field
    input.paht;
    return input.path;
  },
  needsApproval: (input) => input.depth > 1,
});
export const zod3Tool = tool({
  description: 'zod 3, which cannot say itself as JSON Schema',
  inputSchema: z3.object({ path: z3.string(), depth: z3.number().default(1) }),
  jsonSchema: { type: 'object', properties: { path: { type: 'string' } } },
  execute: async (input) => {
    same<typeof input, Found>(true);
  },
});
export const valibotTool = tool({
  description: 'Valibot, which cannot say itself as JSON Schema either',
  inputSchema: v.object({ path: v.string(), depth: v.optional(v.number(), 1) }),
  jsonSchema: { type: 'object', properties: { path: { type: 'string' } } },
  execute: (input) => {
    same<typeof input, Found>(true);
  },
});
export const plainTool = tool({
  description: 'JSON Schema',
  inputSchema: jsonSchema<Found>({ type: 'object' }),
  execute: (input) => {
    same<typeof input, Found>(true);
    // @ts-expect-error the depth is a number
    input.depth.trim();
  },
});
export const openTool: Tool = tool({
  description: 'JSON Schema that says nothing to the compiler',
  inputSchema: { type: 'object' },
  execute: (input) => {
    same<typeof input, Infer<{ type: 'object' }>>(true);
  },
});
// @ts-expect-error the model has to be told what a tool is for
tool({ inputSchema: { type: 'object' } });
// @ts-expect-error and what it takes
tool({ description: 'No schema' });
// @ts-expect-error not one of the answers to an unknown outcome
tool({ description: 'Retries', inputSchema: { type: 'object' }, onUnknownOutcome: 'retry' });

// Hosts

const store = memoryStore();
const model = scriptedModel(['Done.']);
export const host: TaskHost = { store, model, tools: { zodTool, valibotTool, plainTool }, logger: console };
// @ts-expect-error a host has a store
createTaskEngine({ model });
// @ts-expect-error tools have names
createTaskEngine({ store, tools: [zodTool] });
// @ts-expect-error misspelt
createTaskEngine({ store, modle: model });
// @ts-expect-error a model streams
createTaskEngine({ store, model: { converse: () => undefined } });
// @ts-expect-error the ids are two
new TaskExecutor('t');
// @ts-expect-error ids are strings
new TaskExecutor(1, 'u');
// @ts-expect-error misspelt
new TaskExecutor('t', 'u', { limits: { iteration: 3 } });
// @ts-expect-error neither holds nor yields
new TaskExecutor('t', 'u', { whileWaiting: 'wait' });
// @ts-expect-error a file has a name
sqliteStore({});
createTestHost({ turns: ['Done.', { tools: [{ name: 'a', input: {} }] }] });
// @ts-expect-error no such failure
createTestHost({ turns: [{ fail: 'crash' }] });

// Events

export function told(event: TaskEvent): string {
  switch (event.type) {
    case 'task:started':
    case 'task:resumed':
    case 'task:paused':
    case 'task:stopped':
    case 'task:completed':
      same<typeof event.recovered, true | undefined>(true);
      return event.reason ?? event.at;
    case 'task:message':
      // @ts-expect-error only facts have a place in the journal
      event.seq.toFixed();
      return event.content;
    case 'task:message_saved':
      return `${event.role} ${event.seq}`;
    case 'task:reasoning':
      return event.delta;
    case 'task:tool_input':
      return `${event.toolCallId} ${event.delta}`;
    case 'task:tool_progress':
      return `${event.name} ${event.progress}`;
    case 'task:tool_call':
      return event.toolCall.name;
    case 'task:tool_result':
      return event.content[0]?.text ?? event.status;
    case 'task:approval_required':
    case 'task:answer_required':
      return event.toolCall.id;
    case 'task:progress_update':
      return `${event.overall} ${event.item.id} ${event.milestone?.tasks_completed} ${event.items?.length}`;
    case 'task:usage':
      return `${event.usage.inputTokens} of ${event.total.totalTokens}`;
    case 'task:retry':
      return `${event.code} ${event.delayMs}`;
    case 'task:error':
      return event.error;
    case 'task:run_ended':
      return event.outcome.status;
    default: {
      const none: never = event;
      return none;
    }
  }
}

export function listens(executor: TaskExecutor): void {
  const names: { [Name in keyof TaskEventMap]: true } = {
    'task:started': true,
    'task:resumed': true,
    'task:paused': true,
    'task:stopped': true,
    'task:completed': true,
    'task:message': true,
    'task:message_saved': true,
    'task:reasoning': true,
    'task:tool_input': true,
    'task:tool_progress': true,
    'task:tool_call': true,
    'task:tool_result': true,
    'task:approval_required': true,
    'task:answer_required': true,
    'task:progress_update': true,
    'task:usage': true,
    'task:retry': true,
    'task:error': true,
    'task:run_ended': true,
  };
  void names;
  executor
    .on('task:tool_call', ({ toolCall }) => same<typeof toolCall.input, object>(true))
    .once('task:run_ended', ({ outcome }) => same<typeof outcome, TaskOutcome>(true))
    .off('an event of the app', (anything: number) => void anything);
  // @ts-expect-error no such field
  executor.on('task:usage', ({ tokens }) => tokens);
  executor.emit('task:reasoning', { taskId: 't', delta: '' });
  // @ts-expect-error an event has one of the names
  const misspelt: TaskEvent['type'] = 'task:tool_cal';
  void misspelt;
}

// Commands and reads

export async function commands(executor: TaskExecutor, persistence: TaskPersistence): Promise<void> {
  for (const answer of [executor.start(), executor.pause(), executor.resume(), executor.stop('why')]) {
    same<typeof answer, Promise<void>>(true);
  }
  await executor.approve('c', { note: 'fine' });
  await executor.reject('c', 'no');
  await executor.answer('c', { any: 'thing' }, { error: true });
  await executor.send('text');
  // @ts-expect-error a call is named by its id
  await executor.approve({ id: 'c' });
  // @ts-expect-error the status is what the engine says
  executor.status = 'paused';
  const { status } = await executor.state();
  same<typeof status, 'not_started' | 'in_progress' | 'paused' | 'completed' | 'failed'>(true);
  same<ReturnType<typeof TaskLifecycle.can>, boolean>(true);
  same<ReturnType<typeof TaskLifecycle.next>, typeof status>(true);
  // @ts-expect-error run is no command of the table
  TaskLifecycle.can('paused', 'run');
  for await (const event of executor.events({ after: '0', signal: new AbortController().signal }))
    told(event);
  const run = executor.run({ maxDurationMs: 1_000, signal: new AbortController().signal });
  for await (const event of run) told(event);
  same<Awaited<typeof run.started>, void>(true);
  const outcome = await run.outcome;
  // @ts-expect-error only where it failed
  outcome.error.code;
  if (outcome.status === 'failed') same<typeof outcome.error, TaskExecutionError>(true);
  const [first] = await persistence.apiMessages();
  same<typeof first, Message | undefined>(true);
  await persistence.saveApiMessage({ role: 'user', content: [{ text: 'Hello' }] });
  // @ts-expect-error content is made of blocks
  await persistence.saveApiMessage({ role: 'user', content: 'Hello' });
  try {
    await persistence.delete({ keepTask: true });
  } catch (error) {
    if (!(error instanceof TaskExecutionError)) throw error;
    // @ts-expect-error no such code
    if (error.code === 'TASK_MISSING') throw error;
  }
}

// A subclass as apps of the old class have them

export class Mine extends TaskExecutor {
  override async start(): Promise<void> {
    await super.start();
  }
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    return super.emit(event, ...args);
  }
}

// The SDK's own types

export function ofSdk(
  client: sdk.BedrockRuntimeClient,
  Command: typeof sdk.ConverseStreamCommand,
): ModelClient {
  return {
    async stream(request, { signal }) {
      const { stream } = await client.send(new Command({ modelId: 'm', ...request }), {
        abortSignal: signal,
      });
      if (stream === undefined) throw new Error('no stream');
      return stream;
    },
  };
}
export const events = (one: sdk.ConverseStreamOutput): ConverseStreamEvent => one;
export const there = (one: sdk.Message): Message => one;
export const back = (one: Message): sdk.Message => one;
export const request = (one: sdk.ConverseStreamCommandInput): ConverseRequest => one;

// Google's and Amazon's SDKs

export const ofFirestore = firestoreStore(new Firestore());
export const ofAdmin = firestoreStore(getFirestore());
export const overRest = firestoreRestStore({ projectId: 'p', fetch, token: async () => 'token' });
export const besideService = fromTaskDatabaseService({ getTask: async () => null }, getFirestore());
export const ofClient = (client: sdk.BedrockRuntimeClient) => bedrockModel({ client, modelId: 'm' });
// @ts-expect-error neither is a database
firestoreStore({});
// @ts-expect-error a project has to be named
firestoreRestStore({});
