import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * An endpoint that answers every request with a turn of so many deltas of that text. It is a process of its own, so that what it
 * takes counts for nobody.
 */
export async function bedrockEndpoint(deltas, text) {
  const server = fileURLToPath(new URL('./bedrock-server.mjs', import.meta.url));
  const child = spawn(process.execPath, [server, String(deltas), text], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stdout.once('data', (line) => resolve(String(line)));
  });
  return { url, close: () => child.kill() };
}
