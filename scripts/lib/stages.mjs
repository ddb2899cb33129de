import { readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildPanickingEngine } from './build.mjs';
import { lint } from './lint.mjs';
import { compareMatrix } from './matrix.mjs';
import { packedPackage } from './pack.mjs';
import { installRestate } from './restate.mjs';
import { bin, root, run } from './run.mjs';
import { runtimePrograms } from './runtimes.mjs';
import { browser, wasmTestTools } from './tools.mjs';

/**
 * What is random is drawn anew for every commit, and is the same for one commit: a failure is there again when it is
 * looked for. What was given is kept.
 */
async function seeds() {
  const head = await run('git', ['rev-parse', 'HEAD'], { capture: true }).catch(() => '');
  const drawn = /^[0-9a-f]{12}/.exec(head) ? Number.parseInt(head.slice(0, 12), 16) : Date.now();
  const seed = String(drawn % 2 ** 31);
  const names = ['SIM_FROM', 'PROPTEST_RNG_SEED', 'FUZZ_SEED', 'SOAK_SEED', 'MUTANTS_SEED'];
  return { ...Object.fromEntries(names.map((name) => [name, seed])), ...process.env };
}

// Optimised, with every assertion on; Cargo.toml keeps both out of a plain `cargo test`.
const cargoSimulation = ['test', '--locked', '--no-fail-fast', '--profile', 'simulation'];

/** Every stage of `npm test`, in order. A stage returns what its runner reports, or nothing when it counts nothing. */
export const stages = {
  lint,
  core: async () => cargo('cargo', ['test', '--locked'], await seeds()),
  simulation: async () => {
    const tests = ['--test', 'simulation', '--test', 'exhaustive'];
    return cargo('cargo', [...cargoSimulation, ...tests], await seeds());
  },
  'wasm-node': async () =>
    cargo('wasm-pack', ['test', '--node', '.', '--locked', '--test', 'wasm_node'], await wasmTestTools()),
  'wasm-chrome': async () => {
    const env = { ...(await wasmTestTools()), ...(await browser()) };
    const args = ['test', '--headless', '--chrome', '--chromedriver', env.CHROMEDRIVER, '.'];
    return cargo('wasm-pack', [...args, '--locked', '--test', 'wasm_browser'], env);
  },
  unit: async () => {
    await buildPanickingEngine();
    return vitest('unit', await seeds());
  },
  package: async () => vitest('package', { ...(await browser()), ...(await packedPackage()) }),
  specs: async () => vitest('specs', await packedPackage()),
  hosts: async () => {
    const counts = await hosts();
    compareMatrix(reportOf('hosts'));
    return counts;
  },
  example: async () => vitest('example', { ...(await browser()), ...(await packedPackage()) }),
  bedrock: () => vitest('bedrock'),
  firestore: async () => vitest('firestore', await packedPackage()),
  soak: async () => vitest('soak', await seeds()),
  kill: () => vitest('kill'),
  fleet: async () => {
    await installRestate();
    return vitest('fleet');
  },
  mutants: async () => {
    // Prints its seed, and what survived.
    const { MUTANTS_SEED } = await seeds();
    const args = ['--sample', '60', '--seed', MUTANTS_SEED];
    await run(process.execPath, [join(root, 'scripts/mutants.mjs'), ...args]);
  },
  e2e: () => vitest('e2e'),
};

/** The tests of the stage of that name. */
export async function hosts() {
  const env = { ...(await browser()), ...(await runtimePrograms()), ...(await packedPackage()) };
  return vitest('hosts', env);
}

/** cargo's own summary lines, which wasm-bindgen's runner prints too, one per test binary. */
async function cargo(command, args, env) {
  const output = await counted(run(command, args, { tee: true, env }), countCargo);
  return countCargo(output);
}

function countCargo(output) {
  const counts = { passed: 0, failed: 0, failing: [] };
  for (const [, test] of output.matchAll(/^test (.+) \.\.\. FAILED$/gm)) counts.failing.push(test);
  for (const [, passed, failed] of output.matchAll(/^test result: .*?(\d+) passed; (\d+) failed/gm)) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
  }
  return counts;
}

const reportFile = (project) => join(root, `.tools/vitest-${project}.json`);

/** What vitest has reported of a project that has run. */
export function reportOf(project) {
  return JSON.parse(readFileSync(reportFile(project), 'utf8'));
}

/** The tests of a file that failed, each with the first line of why; the file, where it did not get as far. */
function failing({ name, status, message, assertionResults }) {
  const failed = assertionResults.filter((test) => test.status === 'failed');
  const told = failed.map(({ fullName, failureMessages }) => [fullName, failureMessages[0]]);
  if (status === 'failed' && failed.length === 0) told.push([relative(root, name), message]);
  return told.map(([what, why = '']) => `${what}: ${why.split('\n', 1)[0]}`);
}

async function vitest(project, env) {
  const report = reportFile(project);
  rmSync(report, { force: true });
  const count = () => {
    const { numPassedTests, numFailedTests, testResults } = reportOf(project);
    return { passed: numPassedTests, failed: numFailedTests, failing: testResults.flatMap(failing) };
  };
  const args = [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  await counted(run(bin('vitest'), args, { env }), count);
  return count();
}

/** A failure takes along what its runner had counted. */
async function counted(running, count) {
  try {
    return await running;
  } catch (error) {
    try {
      error.counts = count(error.output ?? '');
    } catch {
      // it broke off before it reported; the error says why
    }
    throw error;
  }
}
