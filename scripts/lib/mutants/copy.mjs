import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Failure, root, say } from '../run.mjs';
import { filesUnder } from '../stamps.mjs';
import { chooser, combine, grouped } from './combine.mjs';
import { inputs } from './suites.mjs';

/** What a copy needs, relative to the root. */
function sourceFiles() {
  const files = filesUnder(inputs).map((path) => relative(root, path));
  const isRecorded = (path) => path.startsWith('tests/transcripts/') && path.endsWith('.txt');
  return files.filter((path) => !path.startsWith('tests/') || path.endsWith('.rs') || isRecorded(path));
}

/** Tells whether code or tests are others than before. */
export function digestOfSources() {
  const hash = createHash('sha256');
  for (const file of sourceFiles())
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** Nothing but the mutant may decide whether it is caught. */
const settings = {
  CARGO_PROFILE_TEST_DEBUG: '0',
  CARGO_PROFILE_SIMULATION_DEBUG: '0',
  PROPTEST_RNG_SEED: '1',
  PROPTEST_DISABLE_FAILURE_PERSISTENCE: 'true',
  RUST_BACKTRACE: '0',
  // Every body that a function may have takes its room on the stack.
  RUST_MIN_STACK: '67108864',
};
const buildMinutes = 60;
const memoryKilobytes = 4_000_000;

/** A copy of the crate with a target folder of its own, in which mutants are built and tested. */
export class Copy {
  folder = join(root, '.tools/mutants/copy');
  originals = new Map();
  children = new Set();

  /** Brings the copy up to date, touching only what differs: cargo goes by the time of the last change. */
  sync() {
    const wanted = new Map(sourceFiles().map((file) => [file, readFileSync(join(root, file), 'utf8')]));
    this.originals = new Map(wanted);
    const manifest = wanted
      .get('Cargo.toml')
      .replace('crate-type = ["cdylib", "rlib"]', 'crate-type = ["rlib"]');
    wanted.set('Cargo.toml', manifest);
    const list = join(this.folder, 'files.json');
    const before = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : [];
    for (const file of before) if (!wanted.has(file)) rmSync(join(this.folder, file), { force: true });
    for (const [file, text] of wanted) if (!file.startsWith('src/')) this.write(file, text);
    writeFileSync(list, JSON.stringify([...wanted.keys()]));
  }

  write(file, text) {
    const path = join(this.folder, file);
    if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /**
   * Builds the suite's program with the mutants in it, each under its `number`. Gives the program, the mutants that do
   * not compile, with the compiler's words, and those that compile only alone.
   */
  async build(suite, mutants) {
    const unviable = new Map();
    const alone = new Set();
    for (;;) {
      const living = mutants.filter((mutant) => !unviable.has(mutant) && !alone.has(mutant));
      const places = this.put(living, suite);
      const { program, errors } = await this.cargo(suite);
      if (program) return { program, unviable, alone };
      const before = unviable.size + alone.size;
      for (const { message, spans } of errors) {
        const hit = spans.map((span) => placeOf(places, span)).find(Boolean);
        if (hit) unviable.set(hit.mutant, message);
        else for (const mutant of inFilesOf(living, spans)) alone.add(mutant);
      }
      if (unviable.size + alone.size === before) {
        throw new Failure(`the mutants cannot be built: ${errors[0].rendered}`);
      }
      say(`  … ${unviable.size} do not compile${alone.size > 0 ? `, ${alone.size} compile only alone` : ''}`);
    }
  }

  /** Builds one mutant that cannot share a program with others. */
  async buildAlone(suite, mutant) {
    const text = this.originals.get(mutant.file);
    this.put([], suite);
    this.write(mutant.file, `${text.slice(0, mutant.start)}${mutant.replacement}${text.slice(mutant.end)}`);
    const { program, errors } = await this.cargo(suite);
    return program ? { program } : { why: errors[0].message };
  }

  put(mutants, suite) {
    const byFile = grouped(mutants, ({ file }) => file);
    const places = [];
    for (const [file, original] of this.originals) {
      if (!file.startsWith('src/')) continue;
      const combined = combine(original, byFile.get(file) ?? []);
      places.push(...combined.places.map((place) => ({ ...place, file })));
      const more = file === 'src/lib.rs' ? `${chooser}${embedding(suite.embed ?? [])}` : '';
      this.write(file, combined.text + more);
    }
    return places;
  }

  async cargo(suite) {
    const what = suite.target ? ['--test', suite.target] : ['--lib'];
    const args = [
      'test',
      '--locked',
      '--profile',
      suite.profile,
      ...what,
      '--no-run',
      '--message-format=json',
    ];
    const { code, output, late } = await this.start('cargo', args, { wallSeconds: buildMinutes * 60 });
    if (late) throw new Failure(`cargo ${args.join(' ')} took over ${buildMinutes} minutes`);
    const lines = output.split('\n').filter((line) => line.startsWith('{'));
    const messages = lines.map((line) => JSON.parse(line));
    if (code === 0) return { program: messages.findLast((m) => m.profile?.test && m.executable)?.executable };
    const told = messages.map(({ message }) => message).filter((message) => message?.level === 'error');
    // Only what points into the code can be a mutant's doing; a linker or a full disk fails all of them.
    const errors = told.filter(({ spans }) => spans.length > 0);
    if (errors.length === 0) {
      const words = told.map(({ rendered }) => rendered).join('') || output;
      throw new Failure(`cargo ${args.join(' ')} failed:\n${words.slice(-2_000)}`);
    }
    return { errors };
  }

  /** Runs the program until a test fails; undefined where all pass. */
  async test(program, suite, number) {
    const { last = [] } = suite;
    const first = await this.testOnly(
      program,
      suite,
      number,
      last.flatMap((name) => ['--skip', name]),
    );
    return first ?? (last.length > 0 ? await this.testOnly(program, suite, number, last) : undefined);
  }

  async testOnly(program, suite, number, which) {
    // A mutant may never come to an end, or want all memory.
    const limits = `ulimit -t ${suite.cpuSeconds}; ulimit -v ${memoryKilobytes}; exec "$0" "$@"`;
    const args = ['-c', limits, program, '--test-threads=1', ...suite.args, ...which];
    const { code, signal, output, late, failed } = await this.start('sh', args, {
      env: { ...suite.env, ACTIVE_MUTANT: String(number) },
      wallSeconds: suite.cpuSeconds * 20,
      untilFailure: true,
    });
    if (failed) return { fate: 'caught', by: failed };
    if (!late && code === 0) return undefined;
    const running = output.match(/^test (\S+)(?: - should panic)? \.\.\. (?!ok|ignored)/m)?.[1] ?? suite.name;
    const timeout = late || signal === 'SIGXCPU' || signal === 'SIGKILL';
    return { fate: timeout ? 'timeout' : 'caught', by: running };
  }

  start(command, args, { env, wallSeconds, untilFailure = false }) {
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        cwd: this.folder,
        env: { ...process.env, ...settings, ...env },
        stdio: ['ignore', 'pipe', untilFailure ? 'ignore' : 'pipe'],
        detached: true,
      });
      this.children.add(child);
      let output = '';
      let late = false;
      let failed;
      const timer = setTimeout(() => {
        late = true;
        end(child);
      }, wallSeconds * 1_000);
      child.stdout.setEncoding('utf8').on('data', (part) => {
        output += part;
        if (!untilFailure || failed) return;
        failed = output.match(/^test (\S+)(?: - should panic)? \.\.\. FAILED$/m)?.[1];
        if (failed) end(child);
      });
      child.stderr?.setEncoding('utf8').on('data', (part) => {
        output += part;
      });
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        this.children.delete(child);
        resolve({ code, signal, output, late, failed });
      });
    });
  }

  stop() {
    for (const child of this.children) end(child);
  }
}

/** With everything that it has started. */
function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function placeOf(places, { file_name: name, line_start: line }) {
  return places.find(({ file, from, to }) => file === name && from <= line && line <= to);
}

function inFilesOf(mutants, spans) {
  const files = new Set(
    spans.filter(({ is_primary: primary }) => primary).map(({ file_name: name }) => name),
  );
  return mutants.filter(({ file }) => files.has(file));
}

/** The integration tests as modules of the library's own tests. */
function embedding(tests) {
  const modules = tests.map((name) => `#[cfg(test)]\n#[path = "../tests/${name}.rs"]\nmod tests_${name};\n`);
  return `#[cfg(test)]\nextern crate self as task_execution_engine;\n${modules.join('')}`;
}
