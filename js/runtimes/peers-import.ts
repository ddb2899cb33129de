/** Loads an optional peer. The name is a variable, so that no bundler insists on it. */
export function loadPeer(name: string): Promise<object> {
  return import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name);
}
