import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './lib/build.mjs';
import { main, root } from './lib/run.mjs';

// In this process, so that the keys, Ctrl-C and the process id that the demo shows are its own.
await main(async () => {
  await build();
  // its warning about old versions of Node would go into the demo's screen
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const { bedrockOver } = await import('./lib/bedrock-endpoint.mjs');
  const { bedrockModel } = await import(pathToFileURL(join(root, 'pkg/bedrock.js')).href);
  // The demo's script answers behind a real endpoint, so that what is shown goes through the real SDK.
  globalThis[Symbol.for('task-execution-engine/demo-wire')] = (script) => {
    const modelId = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
    const connecting = bedrockOver(script).then((client) => bedrockModel({ client, modelId }));
    return { stream: async (request, options) => (await connecting).stream(request, options) };
  };
  const cli = join(root, 'pkg/cli.js');
  process.argv.splice(1, 1, cli, 'demo');
  await import(pathToFileURL(cli).href);
});
