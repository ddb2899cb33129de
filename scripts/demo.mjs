import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './lib/build.mjs';
import { main, root } from './lib/run.mjs';

// In this process, so that the keys, Ctrl-C and the process id that the demo shows are its own.
await main(async () => {
  await build();
  const cli = join(root, 'pkg/cli.js');
  process.argv.splice(1, 1, cli, 'demo');
  await import(pathToFileURL(cli).href);
});
