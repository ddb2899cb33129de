// What a CommonJS module is given. Bundlers' have no `require` of their own.
declare const module: object;

/**
 * As `import()` in the ESM build. Jest evaluates CommonJS where `import()` is refused, and what it mocks is found by
 * `require` only.
 */
export async function loadPeer(name: string): Promise<object> {
  const load: unknown = Reflect.get(module, 'require');
  if (typeof load === 'function') {
    try {
      const found = Reflect.apply(load, module, [name]) as object;
      return Reflect.get(found, '__esModule') === true ? found : { ...found, default: found };
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== 'ERR_REQUIRE_ESM') throw error;
    }
  }
  return import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name);
}
