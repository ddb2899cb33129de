import { readFile } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { createGlue } from '../../js/generated/engine.js';
import * as platform from '../../js/platform.js';
import { compileEngine } from '../../js/runtimes/wasm-inlined.js';
import packageJson from '../../package.json' with { type: 'json' };

// A fresh copy of the loader for every test: it remembers its instance.
async function freshLoader() {
  vi.resetModules();
  return import('../../js/wasm.js');
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.doUnmock('#wasm');
});

test('the engine has the version of the package', async () => {
  const { loadEngine } = await freshLoader();
  expect((await loadEngine()).exports.version()).toBe(packageJson.version);
});

test('calls at the same time share one instance', async () => {
  const { loadEngine } = await freshLoader();
  const [first, second] = await Promise.all([loadEngine(), loadEngine()]);
  expect(second).toBe(first);
});

test('after a retirement the next call gets a fresh instance that works', async () => {
  const { loadEngine } = await freshLoader();
  const first = await loadEngine();
  first.retire();
  const second = await loadEngine();
  expect(first.retired).toBe(true);
  expect(second.generation).toBe(first.generation + 1);
  expect(second.exports.version()).toBe(packageJson.version);
});

test('retiring an instance twice leaves its successor alone', async () => {
  const { loadEngine } = await freshLoader();
  const first = await loadEngine();
  first.retire();
  const second = await loadEngine();
  first.retire();
  expect(await loadEngine()).toBe(second);
});

test('what still calls into an instance that trapped runs into nothing', async () => {
  const module = await compileEngine();
  const glue = createGlue(platform);
  const raw = glue.adopt(await WebAssembly.instantiate(module, glue.imports()), module);
  expect(() => raw.__wbindgen_free(0xffff_fff0, 64, 1)).toThrow(WebAssembly.RuntimeError);
  glue.retire();
  expect(glue.exports.version()).toBe('');

  const next = createGlue(platform);
  next.adopt(await WebAssembly.instantiate(module, next.imports()), module);
  expect(next.exports.version()).toBe(packageJson.version);
});

test('what is released says where it panics, and holds nothing that provokes a panic', async () => {
  const module = await compileEngine();
  const provokes = (name: string) => /provoke/i.test(name);
  expect(WebAssembly.Module.exports(module).filter(({ name }) => provokes(name))).toEqual([]);
  expect(Object.keys(createGlue(platform).exports).filter(provokes)).toEqual([]);
  const bytes = await readFile(new URL('../../js/generated/engine.wasm', import.meta.url), 'latin1');
  expect(bytes).toMatch(/src\/[a-z_/]+\.rs/);
  expect(provokes(bytes)).toBe(false);
});

test('forbidden wasm is ENGINE_UNAVAILABLE with the reason, and the next call tries again', async () => {
  const reason = "Refused to compile or instantiate WebAssembly module because 'unsafe-eval' is not allowed";
  const compile = vi.fn(compileEngine).mockRejectedValueOnce(new WebAssembly.CompileError(reason));
  vi.doMock('#wasm', () => ({ compileEngine: compile }));
  const { loadEngine } = await freshLoader();
  await expect(loadEngine()).rejects.toMatchObject({
    code: 'ENGINE_UNAVAILABLE',
    message: expect.stringContaining("'wasm-unsafe-eval'"),
  });
  expect((await loadEngine()).exports.version()).toBe(packageJson.version);
});

test('without Node the wasm is inflated by the platform, to the same module', async () => {
  const inNode = await compileEngine();
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never);
  const elsewhere = await compileEngine();
  expect(WebAssembly.Module.exports(elsewhere)).toEqual(WebAssembly.Module.exports(inNode));
});
