import { accessSync, constants, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Failure, root, run, say } from './run.mjs';

// wasm-bindgen-cli has to be of the same release as the wasm-bindgen in Cargo.toml.
const cargoTools = [
  { name: 'wasm-bindgen-cli', version: '0.2.130', program: 'wasm-bindgen-test-runner' },
  { name: 'wasm-pack', version: '0.15.1', program: 'wasm-pack' },
];

const otherTools = {
  'cargo-mutants': { name: 'cargo-mutants', version: '27.1.0', program: 'cargo-mutants' },
  'cargo-fuzz': { name: 'cargo-fuzz', version: '0.13.2', program: 'cargo-fuzz' },
};

/** Where tools that are built from source are kept: outside of the clone, so that the next one need not build them. */
export function cacheFolder() {
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(caches, 'task-execution-engine', 'tools');
}

/** Installs wasm-pack and the test runner it calls; returns the environment that finds both. */
export async function wasmTestTools() {
  const folders = [];
  for (const tool of cargoTools) folders.push(await cargoInstall(tool));
  rmSync(installTarget, { recursive: true, force: true });
  return { PATH: [...folders, process.env.PATH].join(delimiter) };
}

/** Installs one of the other tools; returns the environment in which cargo finds it. */
export async function cargoTool(name) {
  const folder = await cargoInstall(otherTools[name]);
  rmSync(installTarget, { recursive: true, force: true });
  return { PATH: [folder, process.env.PATH].join(delimiter) };
}

const installTarget = join(root, '.tools/install-target');

async function cargoInstall({ name, version, program }) {
  const folder = join(cacheFolder(), `${name}-${version}`);
  const programs = join(folder, 'bin');
  if (existsSync(join(programs, program))) return programs;
  say(`• installing ${name} ${version} from source, once (about a minute)`);
  // Unoptimised and without debug information: these start other programs, and building them is the slow part.
  const env = { CARGO_PROFILE_DEV_DEBUG: '0', CARGO_TARGET_DIR: installTarget };
  const args = ['install', name, '--version', version, '--debug', '--quiet', '--root', folder];
  try {
    await run('cargo', [...args, '--locked'], { env });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`• ${name}: again, with the newest dependencies that there are`);
    await run('cargo', args, { env });
  }
  return programs;
}

/** Finds Chromium and its driver, or installs them where apt and root exist; returns the environment for the tests. */
export async function browser() {
  let found = findBrowser();
  if (!found) {
    if (!onPath(['apt-get']) || process.getuid?.() !== 0) {
      throw new Failure(
        'Chromium and chromedriver are missing. Install them, for example: sudo apt-get install chromium chromium-driver',
      );
    }
    say('• installing chromium and chromium-driver');
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update', '-qq'], { env });
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'chromium-driver'], {
      env,
      quiet: true,
    });
    found = findBrowser();
    if (!found) throw new Failure('chromium and chromium-driver were installed, but are not on the PATH');
  }
  const capabilities = join(root, '.tools/webdriver.json');
  mkdirSync(join(root, '.tools'), { recursive: true });
  writeFileSync(
    capabilities,
    JSON.stringify({ 'goog:chromeOptions': { binary: found.chromium, args: chromiumArguments } }),
  );
  return {
    CHROMIUM: found.chromium,
    CHROMEDRIVER: found.chromedriver,
    WASM_BINDGEN_TEST_WEBDRIVER_JSON: capabilities,
    WASM_BINDGEN_TEST_TIMEOUT: '120',
  };
}

const chromiumArguments = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

function findBrowser() {
  const chromium = onPath(['chromium', 'chromium-browser', 'google-chrome']);
  const chromedriver = onPath(['chromedriver']);
  return chromium && chromedriver ? { chromium, chromedriver } : undefined;
}

function onPath(names) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
