import type { TaskEvent, ToolCall, ToolContext, Tools } from '../../types.js';

/** Which calls had an unknown outcome when this run took the task up, and what became of them. */
export class Unknowns {
  readonly #calls = new Map<string, string>();
  readonly #onFound: (what: string) => void;

  constructor(onFound: (what: string) => void) {
    this.#onFound = onFound;
  }

  lookedUp({ id, name }: ToolCall, done: boolean): void {
    this.#add(id, `${name} (looked up: it was ${done ? '' : 'not '}done)`);
  }

  /** The same tools; what runs once more is noticed. */
  watch(tools: Tools): Tools {
    return Object.fromEntries(
      Object.entries(tools).map(([name, tool]) => {
        const execute = (input: any, context: ToolContext) => {
          if (context.attempt > 1) this.#add(context.toolCallId, `${name} (it only reads: run again)`);
          return tool.execute?.(input, context);
        };
        return [name, { ...tool, execute }];
      }),
    );
  }

  event(event: TaskEvent): void {
    if (event.type !== 'task:tool_result' || !event.unknown || this.#calls.has(event.toolCallId)) return;
    this.#add(event.toolCallId, `${event.name} (the model was told, and looks)`);
  }

  #add(id: string, what: string): void {
    this.#calls.set(id, what);
    this.#onFound(what);
  }

  get list(): string[] {
    return [...this.#calls.values()];
  }
}
