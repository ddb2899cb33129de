import { build } from './build.mjs';
import { bin, run, say } from './run.mjs';
import { checkComponents } from './setup.mjs';

const rustdocFlags = { RUSTDOCFLAGS: '-D warnings' };

const checks = [
  ['cargo fmt', 'cargo', ['fmt', '--all', '--check']],
  ['clippy, native', 'cargo', ['clippy', '--locked', '--workspace', '--all-targets', '--', '-D', 'warnings']],
  [
    'clippy, what a plain cargo test leaves out',
    'cargo',
    ['clippy', '--locked', '--test', 'simulation', '--test', 'exhaustive', '--', '-D', 'warnings'],
  ],
  [
    'clippy, wasm32',
    'cargo',
    [
      ...'clippy --locked --lib --test wasm_* --features provoke-panic --target wasm32-unknown-unknown'.split(
        ' ',
      ),
      '--',
      '-D',
      'warnings',
    ],
  ],
  ['rustdoc', 'cargo', ['doc', '--locked', '--no-deps', '--quiet'], rustdocFlags],
  // for those who work on the crate
  [
    'rustdoc, private items too',
    'cargo',
    ['doc', '--locked', '--no-deps', '--document-private-items', '--quiet'],
    rustdocFlags,
  ],
  ['biome', bin('biome'), ['check', '--error-on-warnings']],
  ['tsc', bin('tsc'), ['--noEmit']],
  ['typedoc', bin('typedoc'), []],
];

/** Formatting, lints and types of both languages; the build comes first because the types need generated files. */
export async function lint() {
  await build();
  await checkComponents();
  for (const [name, command, args, env] of checks) {
    say(`• ${name}`);
    await run(command, args, { env });
  }
}
