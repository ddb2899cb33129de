import { build } from './lib/build.mjs';
import { main, say } from './lib/run.mjs';

await main(async () => {
  const changed = await build();
  say(changed ? 'pkg/ is built.' : 'pkg/ is up to date.');
});
