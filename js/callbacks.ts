import { describeTools } from './tools/describe.js';
import { isGenerator, lastOf } from './tools/generator.js';
import { type WrittenResult, writtenResult } from './tools/result.js';
import { validateInput } from './tools/validate.js';
import type { PromptContext, Task, TaskHost, Tool, ToolCall, ToolContext, Tools } from './types.js';

/**
 * What the core asks; the replies are the JSON that `Question` in the core names. A `task` that is null is the one of
 * the question before.
 */
export type Question =
  | { question: 'tools'; task: Task }
  | { question: 'vet'; task: Task | null; calls: ToolCall[] }
  | { question: 'prompt'; task: Task | null; context: Omit<PromptContext, 'task'> }
  | { question: 'lookUp'; call: ToolCall }
  | { question: 'alive'; holder: string };

type Vetting = { verdict: 'run' | 'approve' | 'answer' } | { verdict: 'refuse'; message: string };

/** The host's callbacks other than the store and the model, for one run: tools are had once and kept. */
export class Callbacks {
  readonly #host: TaskHost;
  readonly #ids: { taskId: string; userId: string };
  /** What schemas have made of the inputs of calls, for `execute` alone. */
  readonly #inputs = new Map<string, unknown>();
  #tools: Tools = {};
  /** Nobody's: every callback gets a copy. */
  #task = {} as Task;

  constructor(host: TaskHost, ids: { taskId: string; userId: string }) {
    this.#host = host;
    this.#ids = ids;
  }

  /** @throws whatever the callback throws */
  async answer(question: Question): Promise<unknown> {
    if ('task' in question && question.task !== null) {
      this.#task = question.task;
    }
    switch (question.question) {
      case 'tools':
        return this.#describe();
      case 'vet':
        return Promise.all(question.calls.map((call) => this.#vet(call)));
      case 'prompt':
        return this.#prompt({ ...question.context, task: copyOf(this.#task) });
      case 'lookUp':
        return this.#lookUp(question.call);
      case 'alive':
        return this.#host.store.holder?.alive(question.holder) ?? true;
    }
  }

  /**
   * Runs a tool; its result as JSON, none where it may not be run any more.
   *
   * @throws whatever the tool throws, or why its result cannot be stored
   */
  async run(
    call: ToolCall,
    context: Omit<ToolContext, 'taskId' | 'userId'>,
    mayRun: () => boolean,
  ): Promise<WrittenResult | undefined> {
    const tool = this.#tool(call.name);
    if (tool?.execute === undefined) throw new Error(`There is no tool '${call.name}' to run any more.`);
    const input = await this.#inputOf(tool, call);
    if (!mayRun()) return undefined;
    this.#inputs.delete(call.id);
    const returned: unknown = await tool.execute(input, { ...this.#ids, ...context });
    const value = isGenerator(returned) ? await lastOf(returned, context.signal) : returned;
    return this.#written(value, tool, 'The result');
  }

  async #describe(): Promise<unknown> {
    const { tools } = this.#host;
    this.#tools = (typeof tools === 'function' ? await tools(copyOf(this.#task)) : tools) ?? {};
    return describeTools(this.#tools);
  }

  #tool(name: string): Tool | undefined {
    return Object.hasOwn(this.#tools, name) ? this.#tools[name] : undefined;
  }

  async #vet(call: ToolCall): Promise<Vetting> {
    const tool = this.#tool(call.name);
    if (tool === undefined) {
      const names = Object.keys(this.#tools).join(', ');
      return refuse(
        `There is no tool '${call.name}'. ${names === '' ? 'There are no tools.' : `There are: ${names}.`}`,
      );
    }
    const checked = await validateInput(tool, copyOf(call.input));
    if (!checked.ok) return refuse(checked.message);
    if (tool.execute === undefined) return { verdict: 'answer' };
    this.#inputs.set(call.id, checked.value);
    return { verdict: (await this.#isGated(tool, call)) ? 'approve' : 'run' };
  }

  async #isGated(tool: Tool, call: ToolCall): Promise<boolean> {
    if (this.#task.config?.auto_approve === false) return true;
    const { needsApproval } = tool;
    if (needsApproval === true) return true;
    if (typeof needsApproval === 'function') {
      const needed: unknown = await needsApproval(await this.#validated(tool, call));
      if (decided(needed, `needsApproval of '${call.name}'`)) return true;
    }
    const { approval } = this.#host;
    return approval !== undefined && decided(await approval(copyOf(call), copyOf(this.#task)), 'approval');
  }

  /** As it was vetted; a run that takes a call up has not vetted it itself. */
  async #inputOf(tool: Tool, call: ToolCall): Promise<unknown> {
    if (this.#inputs.has(call.id)) return this.#inputs.get(call.id);
    return this.#validated(tool, call);
  }

  /** A fresh one, whatever the schema makes of it: an object of a class has no copies. */
  async #validated(tool: Tool, call: ToolCall): Promise<unknown> {
    const checked = await validateInput(tool, copyOf(call.input));
    if (!checked.ok) throw new Error(checked.message);
    return checked.value;
  }

  async #prompt(context: PromptContext): Promise<string> {
    const text: unknown = await this.#host.prompt?.(context);
    if (typeof text !== 'string') throw new TypeError('prompt must return a string');
    return text;
  }

  async #lookUp(call: ToolCall): Promise<unknown> {
    const tool = this.#tool(call.name);
    const lookUp = tool?.onUnknownOutcome;
    const result: unknown = typeof lookUp === 'function' ? await lookUp(call) : undefined;
    if (tool === undefined || result === undefined) return { found: false };
    return {
      found: true,
      result: JSON.parse(this.#written(result, tool, 'What was looked up').json ?? 'null'),
    };
  }

  #written(value: unknown, tool: Tool, what: string): WrittenResult {
    return writtenResult(value, tool, this.#host.store.limits.commitBytes, what);
  }
}

/** A forgotten `return` must not let a call run that somebody wanted to see first. */
function decided(answer: unknown, what: string): boolean {
  if (typeof answer === 'boolean') return answer;
  throw new TypeError(`${what} must return true or false, not ${answer === null ? 'null' : typeof answer}`);
}

/** Of JSON. */
function copyOf<T extends object>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

function refuse(message: string): Vetting {
  return { verdict: 'refuse', message };
}
