import { describeTools } from './tools/describe.js';
import { validateInput } from './tools/validate.js';
import type { AbortSignalLike, PromptContext, Task, TaskHost, Tool, ToolCall, Tools } from './types.js';
import { toJson } from './values.js';

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
  readonly #inputs = new Map<string, unknown>();
  #tools: Tools = {};
  #task = {} as Task;
  /** As the document says, whatever the host has done to its object since. */
  #gatesAll = false;

  constructor(host: TaskHost, ids: { taskId: string; userId: string }) {
    this.#host = host;
    this.#ids = ids;
  }

  /** @throws whatever the callback throws */
  async answer(question: Question): Promise<unknown> {
    if ('task' in question && question.task !== null) {
      this.#task = question.task;
      this.#gatesAll = question.task.config?.auto_approve === false;
    }
    switch (question.question) {
      case 'tools':
        return this.#describe(this.#task);
      case 'vet':
        return Promise.all(question.calls.map((call) => this.#vet(call)));
      case 'prompt':
        return this.#prompt({ ...question.context, task: this.#task });
      case 'lookUp':
        return this.#lookUp(question.call);
      case 'alive':
        return this.#host.store.holder?.alive(question.holder) ?? true;
    }
  }

  /**
   * Runs a tool; its result as JSON text, undefined for nothing.
   *
   * @throws whatever the tool throws, or why its result cannot be stored
   */
  async run(
    call: ToolCall,
    attempt: number,
    idempotencyKey: string,
    signal: AbortSignalLike,
  ): Promise<string | undefined> {
    const tool = this.#tool(call.name);
    if (tool?.execute === undefined) throw new Error(`There is no tool '${call.name}' to run any more.`);
    const input = await this.#inputOf(tool, call);
    this.#inputs.delete(call.id);
    const context = { ...this.#ids, toolCallId: call.id, attempt, idempotencyKey, signal };
    return this.#written(await tool.execute(input, context), 'The result');
  }

  async #describe(task: Task): Promise<unknown> {
    const { tools } = this.#host;
    this.#tools = (typeof tools === 'function' ? await tools(task) : tools) ?? {};
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
    const checked = await validateInput(tool, call.input);
    if (!checked.ok) return refuse(checked.message);
    if (tool.execute === undefined) return { verdict: 'answer' };
    this.#inputs.set(call.id, checked.value);
    return { verdict: (await this.#isGated(tool, checked.value, call)) ? 'approve' : 'run' };
  }

  async #isGated(tool: Tool, input: unknown, call: ToolCall): Promise<boolean> {
    if (this.#gatesAll) return true;
    const { needsApproval } = tool;
    if (needsApproval === true) return true;
    if (typeof needsApproval === 'function') {
      const needed: unknown = await needsApproval(input);
      if (decided(needed, `needsApproval of '${call.name}'`)) return true;
    }
    const { approval } = this.#host;
    return approval !== undefined && decided(await approval(call, this.#task), 'approval');
  }

  /** As it was vetted; a run that takes a call up has not vetted it itself. */
  async #inputOf(tool: Tool, call: ToolCall): Promise<unknown> {
    if (this.#inputs.has(call.id)) return this.#inputs.get(call.id);
    const checked = await validateInput(tool, call.input);
    if (!checked.ok) throw new Error(checked.message);
    return checked.value;
  }

  async #prompt(context: PromptContext): Promise<string> {
    const text: unknown = await this.#host.prompt?.(context);
    if (typeof text !== 'string') throw new TypeError('prompt must return a string');
    return text;
  }

  async #lookUp(call: ToolCall): Promise<unknown> {
    const lookUp = this.#tool(call.name)?.onUnknownOutcome;
    const result: unknown = typeof lookUp === 'function' ? await lookUp(call) : undefined;
    if (result === undefined) return { found: false };
    return { found: true, result: JSON.parse(this.#written(result, 'What was looked up') ?? 'null') };
  }

  #written(value: unknown, what: string): string | undefined {
    const written = toJson(value, { maxLength: this.#host.store.limits.commitBytes });
    if (!written.ok) throw new TypeError(`${what} cannot be stored: ${written.reason}`);
    return written.json;
  }
}

/** A forgotten `return` must not let a call run that somebody wanted to see first. */
function decided(answer: unknown, what: string): boolean {
  if (typeof answer === 'boolean') return answer;
  throw new TypeError(`${what} must return true or false, not ${answer === null ? 'null' : typeof answer}`);
}

function refuse(message: string): Vetting {
  return { verdict: 'refuse', message };
}
