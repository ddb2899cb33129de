import * as nodeUses from './node-uses.js';
import * as uses from './uses.js';

/** Runs every use and prints what came of it. */
async function main(): Promise<void> {
  const results: Record<string, unknown> = {};
  for (const [name, use] of Object.entries({ ...uses, ...nodeUses })) {
    results[name] = await use();
  }
  console.log(JSON.stringify(results, null, 2));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
