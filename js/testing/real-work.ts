import { type AnyIterator, isGenerator } from '../tools/generator.js';
import type { TaskHost, Tool, Tools } from '../types.js';

/** What of Node's `process` tells what is under way; other platforms have parts of it, or nothing. */
interface Platform {
  getActiveResourcesInfo?(): string[];
  getBuiltinModule?(id: 'node:async_hooks'): typeof import('node:async_hooks');
}

function platform(): Platform {
  return (globalThis as { process?: Platform }).process ?? {};
}

/** Sockets, files, processes and the like, by kind. Timers are known better, one by one, where there are hooks. */
function resources(withTimers: boolean): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of platform().getActiveResourcesInfo?.() ?? []) {
    if (withTimers || name !== 'Timeout') counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** The platform's timers that were set while it watched, which test runners do at any time too. */
function timerWatch() {
  const hooks = platform().getBuiltinModule?.('node:async_hooks');
  const timers = new Map<number, object>();
  const hook = hooks?.createHook({
    init(id, type, _, timer) {
      if (type === 'Timeout') timers.set(id, timer);
    },
    destroy: (id) => void timers.delete(id),
  });
  return {
    works: hook !== undefined,
    begin: () => void hook?.enable(),
    end() {
      hook?.disable();
      timers.clear();
    },
    pending: () => [...timers.values()].some((timer) => (timer as { hasRef?(): boolean }).hasRef?.() ?? true),
  };
}

/** Tells whether callbacks of a host wait for something real: a request, a timer, a process. */
export interface RealWork {
  /** One of the callbacks that were handed out is running, and the platform does more than when the first began. */
  underWay(): boolean;
  /** The callbacks of a host, which say when they run. */
  watching<Callbacks extends Pick<TaskHost, 'tools' | 'prompt' | 'approval'>>(
    callbacks: Callbacks,
  ): Callbacks;
}

export function realWork(): RealWork {
  let running = 0;
  const timers = timerWatch();
  const count = () => resources(!timers.works);
  let before = count();

  const watched = <Arguments extends unknown[], Result>(
    work: (...args: Arguments) => Result,
  ): ((...args: Arguments) => Result) =>
    function (this: unknown, ...args) {
      if (running === 0) {
        before = count();
        timers.begin();
      }
      running += 1;
      let settles = false;
      const end = () => {
        running -= 1;
        if (running === 0) timers.end();
      };
      try {
        const result = work.apply(this, args);
        // Its work begins when it is asked for a value.
        if (isGenerator(result)) return watchedGenerator(result) as Result;
        if (result instanceof Promise) {
          settles = true;
          result.then(end, end);
        }
        return result;
      } finally {
        if (!settles) end();
      }
    };
  const watchedGenerator = (generator: AnyIterator): AnyIterator => {
    const next = watched(() => generator.next() as Promise<IteratorResult<unknown>>);
    return Object.assign(Object.create(generator), {
      next,
      return: (value: unknown) => generator.return?.(value),
    });
  };
  const watchedTool = (tool: Tool): Tool => {
    if (tool === null || typeof tool !== 'object') return tool;
    const own: Partial<Tool> = {};
    if (typeof tool.execute === 'function') own.execute = watched(tool.execute.bind(tool));
    const { onUnknownOutcome: lookUp } = tool;
    if (typeof lookUp === 'function') own.onUnknownOutcome = watched(lookUp.bind(tool));
    return Object.assign(Object.create(tool) as Tool, own);
  };
  const watchedTools = (tools: Tools): Tools => {
    if (tools === null || typeof tools !== 'object') return tools;
    return Object.fromEntries(Object.entries(tools).map(([name, tool]) => [name, watchedTool(tool)]));
  };

  return {
    underWay() {
      if (running === 0) return false;
      return timers.pending() || [...count()].some(([name, now]) => now > (before.get(name) ?? 0));
    },
    watching(callbacks) {
      const { tools, prompt, approval } = callbacks;
      return {
        ...callbacks,
        ...(tools && {
          tools:
            typeof tools === 'function'
              ? watched(async (task) => watchedTools(await tools(task)))
              : watchedTools(tools),
        }),
        ...(prompt && { prompt: watched(prompt) }),
        ...(approval && { approval: watched(approval) }),
      };
    },
  };
}
