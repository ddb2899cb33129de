import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure, main, root, run, say } from './lib/run.mjs';
import { checkRust } from './lib/setup.mjs';
import { cargoTool } from './lib/tools.mjs';

// `npm run fuzz -- stream --minutes 10`; without names, all targets share the minutes.
await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { minutes: { type: 'string', default: '10' } },
  });
  const all = readdirSync(join(root, 'fuzz/seeds'));
  const targets = positionals.length > 0 ? positionals : all;
  const unknown = targets.find((target) => !all.includes(target));
  if (unknown !== undefined)
    throw new Failure(`There is no target '${unknown}'. There are: ${all.join(', ')}.`);
  const seconds = Math.ceil((Number(values.minutes) * 60) / targets.length);
  if (!(seconds > 0)) throw new Failure('--minutes takes a number above 0.');

  await checkRust();
  // Coverage is a matter of compiler flags that only nightly has, or a compiler that is told to be one.
  const env = { ...(await cargoTool('cargo-fuzz')), RUSTC_BOOTSTRAP: '1' };
  for (const target of targets) {
    say(`• ${target}: ${seconds} s`);
    const corpus = join(root, 'fuzz/corpus', target);
    mkdirSync(corpus, { recursive: true });
    await run(
      'cargo',
      [
        ...['fuzz', 'run', '--sanitizer', 'none', target, corpus, join(root, 'fuzz/seeds', target), '--'],
        ...[`-max_total_time=${seconds}`, '-max_len=100000', '-timeout=20', '-print_final_stats=1'],
      ],
      { env },
    );
  }
});
