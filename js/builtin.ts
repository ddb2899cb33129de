interface NodeModules {
  'node:crypto': typeof import('node:crypto');
  'node:events': typeof import('node:events');
  'node:perf_hooks': typeof import('node:perf_hooks');
  'node:timers': typeof import('node:timers');
  'node:util': typeof import('node:util');
  'node:zlib': typeof import('node:zlib');
}

/**
 * A module of Node's where there is one. Asked for at run time, so that no bundler for browsers meets an import of it.
 */
export function builtin<Id extends keyof NodeModules>(id: Id): Partial<NodeModules[Id]> {
  const { process } = globalThis as { process?: { getBuiltinModule?(id: string): unknown } };
  try {
    return (process?.getBuiltinModule?.(id) ?? {}) as Partial<NodeModules[Id]>;
  } catch {
    // Next's edge runtime has the function, and it throws.
    return {};
  }
}
