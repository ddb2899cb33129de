import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

/** Google's emulator, started as the tests start it: in TypeScript, which Node 20 does not read. */
export async function startEmulator() {
  const input = fileURLToPath(new URL('../../tests/firestore/emulator.ts', import.meta.url));
  const { output } = await build({ input, platform: 'node', write: false, logLevel: 'silent' });
  const url = `data:text/javascript,${encodeURIComponent(output[0].code)}`;
  return (await import(url)).startEmulator();
}
