import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../run.mjs';

const isConversation = (file) => file.endsWith('.rs') && !/^(wasm_|properties)/.test(file);
const conversations = readdirSync(join(root, 'tests')).filter(isConversation);

/**
 * What a mutant has to get past, cheapest first, in each the tests named in `last` at the end. The tests named in `embed` are compiled into the library's own test
 * program: one compilation and one link, and what they prove stays the same. `target` is a test
 * program of its own, for tests that are too slow without a profile of their own.
 */
export const suites = [
  {
    name: 'unit tests and conversations',
    embed: conversations.map((file) => file.replace(/\.rs$/, '')),
    profile: 'test',
    args: [],
    // Nine tenths of the time; what the others catch need not wait for them.
    last: [
      'command::tests::together::a_pause_that_settles',
      'command::tests::lifetime::two_deletions',
      'command::tests::reads::a_history_of_more',
      'converse::blocks::tests::depth_is_measured',
      'converse::repair::',
      'facts::properties::',
      'tests_borders::loading_a_history_renews',
      'tests_cost::a_step_costs',
      'tests_inbox::a_message_sent',
      'tests_looking::',
    ],
    cpuSeconds: 30,
  },
  {
    name: 'simulation',
    target: 'simulation',
    profile: 'simulation',
    args: ['whatever_happens'],
    env: { SIM_BRIEFLY: '400', SIM_FROM: '0' },
    cpuSeconds: 100,
  },
  {
    name: 'exhaustive walks',
    target: 'exhaustive',
    profile: 'simulation',
    args: ['any_effect'],
    env: { EXHAUSTIVE_BRIEFLY: '1' },
    cpuSeconds: 240,
  },
];

/** The part of the code that a file belongs to; the first pattern that fits counts. */
export const regions = [
  { name: 'storage', pattern: /^src\/storage\//, strict: true },
  { name: 'decide', pattern: /^src\/decide\.rs$/, strict: true },
  { name: 'fold', pattern: /^src\/facts\/(fold|live)\.rs$/, strict: true },
  {
    name: 'lease and pipeline',
    pattern: /^src\/machine\/(lease|opening|opening\/.*|run|run\/pipeline)\.rs$/,
    strict: true,
  },
  { name: 'machine, the rest', pattern: /^src\/machine\// },
  { name: 'facts, the rest', pattern: /^src\/facts\// },
  { name: 'commands', pattern: /^src\/command\// },
  { name: 'the model’s side', pattern: /^src\/converse\// },
  { name: 'lifecycle, limits, time, ids', pattern: /^src\// },
];

export function regionOf(file) {
  return regions.find(({ pattern }) => pattern.test(file));
}

/** At least so much of what is no equivalent has to be caught, and in the strict regions all of it. */
export const wanted = 0.95;

/** Native test files, and what they include; everything that a scratch copy needs beside `src`. */
export const inputs = ['Cargo.toml', 'Cargo.lock', 'clippy.toml', 'src', 'tools/wasm-build', 'tests'];
