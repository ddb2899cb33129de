import type { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as sdk from '@aws-sdk/client-bedrock-runtime';
import ts from 'typescript';
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { TaskExecutor } from '../../js/index.js';
import type {
  AbortSignalLike,
  ConverseRequest,
  ConverseStreamEvent,
  Infer,
  JsonSchema,
  Logger,
  Message,
  StructuralAbortSignal,
  Task,
  TaskEvent,
  TaskEventMap,
  TaskEventName,
  TaskOutcome,
  Tool,
} from '../../js/types.js';

describe('the public types', () => {
  it("are assignable from and to the SDK's", () => {
    expectTypeOf<sdk.Message>().toExtend<Message>();
    expectTypeOf<Message>().toExtend<sdk.Message>();
    expectTypeOf<sdk.ConverseStreamRequest>().toExtend<ConverseRequest>();
    expectTypeOf<ConverseRequest & { modelId: string }>().toExtend<sdk.ConverseStreamRequest>();
    expectTypeOf<sdk.ConverseStreamOutput>().toExtend<ConverseStreamEvent>();
  });

  it('take the signal of the platform, and are one to it', () => {
    expectTypeOf<AbortSignalLike>().toEqualTypeOf<AbortSignal>();
    expectTypeOf<AbortSignal>().toExtend<StructuralAbortSignal>();
    expectTypeOf<StructuralAbortSignal>().toExtend<AbortSignal>();
  });

  it('take console as a logger', () => {
    expectTypeOf<Console>().toExtend<Logger>();
  });

  it("infer a tool's input from its schema", () => {
    const schema = z.object({ path: z.string(), depth: z.string().transform(Number) });
    expectTypeOf<Infer<typeof schema>>().toEqualTypeOf<{ path: string; depth: number }>();
    expectTypeOf<Infer<JsonSchema<{ n: number }>>>().toEqualTypeOf<{ n: number }>();
    expectTypeOf<Infer<{ type: 'object' }>>().toEqualTypeOf<Record<string, any>>();
    expectTypeOf<Infer<JsonSchema>>().toEqualTypeOf<Record<string, any>>();
  });

  it('take plain JSON Schema objects and libraries types of them as input schemas', () => {
    interface SchemaOfSomeLibrary {
      type?: 'object' | 'string';
      properties?: Record<string, SchemaOfSomeLibrary>;
    }
    const fromLibrary: SchemaOfSomeLibrary = { type: 'object' };
    const tools: Tool[] = [
      { description: '', inputSchema: fromLibrary },
      { description: '', inputSchema: { type: 'object', properties: { a: { type: 'string' } } } },
      { description: '', inputSchema: z.object({}), execute: ({ a }) => a },
    ];
    expect(tools).toHaveLength(3);
  });

  it("take an app's own interface of the task document", () => {
    interface AppTask {
      id: string;
      user_id: string;
      title: string;
      description: string;
      status: 'not_started' | 'in_progress' | 'paused' | 'completed' | 'failed';
      created_at: string;
      updated_at: string;
      progress: {
        current_milestone: string;
        current_task: string;
        overall_percentage: number;
        milestones: [];
        tasks: Record<string, []>;
      };
      execution: { api_messages: string[]; task_messages: string[]; tool_results: string[] };
      config: { system_prompt: string; auto_approve: boolean };
      somethingOfItsOwn: { deep: number };
    }
    expectTypeOf<AppTask>().toExtend<Task>();
  });

  it('tell events apart by their type', () => {
    type Saved = Extract<TaskEvent, { type: 'task:message_saved' }>;
    expectTypeOf<Saved['content']>().toEqualTypeOf<string>();
    expectTypeOf<Saved['seq']>().toEqualTypeOf<number>();
    expectTypeOf<TaskEventMap['task:message']['streaming']>().toEqualTypeOf<true>();
    const read = (event: TaskEvent) => (event.type === 'task:error' ? event.code : event.taskId);
    expectTypeOf(read).returns.toEqualTypeOf<string>();
  });

  it('let any event be asked for its id, which only facts have', () => {
    const seqOf = (event: TaskEvent) => (event.id ? event.seq : undefined);
    expectTypeOf(seqOf).returns.toEqualTypeOf<number | undefined>();
    const live = (event: TaskEvent) => (event.id === undefined ? event.type : 'task:started');
    expectTypeOf<'task:message' | 'task:reasoning' | 'task:retry' | 'task:run_ended'>().toExtend<
      ReturnType<typeof live>
    >();
    expectTypeOf<Extract<ReturnType<typeof live>, 'task:tool_call' | 'task:paused'>>().toBeNever();
    expectTypeOf<TaskEventMap['task:message']['id']>().toEqualTypeOf<undefined>();
    expectTypeOf<TaskEventMap['task:run_ended']['seq']>().toEqualTypeOf<undefined>();
  });

  it('refuse a typo of an event, and leave all other names free', () => {
    const executor: TaskExecutor = new TaskExecutor('t', 'u');
    const listener = () => {};
    // @ts-expect-error there is no such event
    executor.on('task:complete', listener);
    // @ts-expect-error there is no such event
    executor.once('task:complete', listener);
    // @ts-expect-error there is no such event
    executor.off('task:complete', listener);
    // @ts-expect-error there is no such event
    executor.addListener('task:complete', listener);
    // @ts-expect-error there is no such event
    executor.removeListener('task:complete', listener);
    // @ts-expect-error there is no such event
    executor.prependListener('task:complete', listener);
    // @ts-expect-error there is no such event
    executor.prependOnceListener('task:complete', listener);
    executor.removeAllListeners();
    // @ts-expect-error there is no such event
    executor.emit('task:complete', {});
    // @ts-expect-error one of the two is none
    executor.on('task:paused' as 'task:paused' | 'task:pause', listener);

    const inVariable: string = 'task:whatever';
    const known: TaskEventName = 'task:paused';
    const own = Symbol('own');
    executor
      .on('task:completed', ({ taskId, seq }) => expectTypeOf({ taskId, seq }).toExtend<object>())
      .on('task:completed', (_payload: unknown, _more: number) => {})
      .on(known, listener)
      .on(inVariable, listener)
      .on(`${inVariable}!`, listener)
      .on(own, listener)
      .on('tasks:completed' as const, (count: number) => count)
      .on('error', listener);
    expect([executor.emit('mine', 1, 2), executor.emit(own), executor.emit(inVariable)]).toEqual([
      false,
      true,
      true,
    ]);

    class Overriding extends TaskExecutor {
      override emit(event: string | symbol, ...args: any[]): boolean {
        return super.emit(event, ...args);
      }
      override on(event: string | symbol, told: (...args: any[]) => void): this {
        return super.on(event, told);
      }
    }
    expect(new Overriding('t', 'u').on('x', listener).emit('x')).toBe(true);
    expectTypeOf<TaskExecutor>().toExtend<EventEmitter>();
  });

  it('have an error exactly where an outcome is one', () => {
    const read = (o: TaskOutcome) =>
      o.status === 'failed' || o.status === 'refused' ? o.error.code : o.text;
    expectTypeOf(read).returns.toExtend<string>();
  });

  it('compile without the DOM library and without @types/node, emitted too', () => {
    const outDir = mkdtempSync(join(tmpdir(), 'types-'));
    onTestFinished(() => rmSync(outDir, { recursive: true }));
    const options: ts.CompilerOptions = {
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts'],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      declaration: true,
      emitDeclarationOnly: true,
      outDir,
    };
    const problems = (program: ts.Program) =>
      ts.getPreEmitDiagnostics(program).map((p) => ts.flattenDiagnosticMessageText(p.messageText, '\n'));

    const sources = ts.createProgram(['js/types.ts'], options);
    expect(problems(sources)).toEqual([]);
    sources.emit();
    expect(problems(ts.createProgram([join(outDir, 'types.d.ts')], { ...options, noEmit: true }))).toEqual(
      [],
    );
  }, 30_000);
});
