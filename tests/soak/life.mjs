/** One task from its creation to its end, its journal looked at. */
import { audit } from './audit.mjs';
import { bounded } from './bounded.mjs';
import { sleep } from './gauges.mjs';
import { decider, disturb, follow } from './people.mjs';
import { Random } from './random.mjs';
import { itemName, kinds } from './script.mjs';

/** How a run may end, with what code. */
const expected = {
  completed: [undefined],
  paused: [undefined],
  stopped: [undefined],
  yielded: [undefined],
  superseded: [undefined],
  failed: [
    'HOST_CALLBACK',
    'MODEL_UNAVAILABLE',
    'MODEL_THROTTLED',
    'MODEL_TIMEOUT',
    'CRASH_LOOP',
    'INVALID_TRANSITION',
  ],
  interrupted: ['STORE_UNAVAILABLE'],
  refused: ['STORE_UNAVAILABLE', 'LEASE_HELD', 'HOST_CALLBACK', 'INVALID_TRANSITION'],
};
const describe = (error) =>
  `${error?.code ?? ''} ${error?.stack?.split('\n').slice(0, 2).join(' ') ?? error}`;
/** So many runs end any task. */
const mostRuns = 60;
/** So many runs of a task are disturbed. */
const disturbedRuns = 4;

export class Life {
  sent = [];
  deleted = false;
  troubles = [];
  /** The runs are over. */
  ended = false;
  #decider;
  #beside = new Set();
  #end;
  over = new Promise((resolve) => {
    this.#end = resolve;
  });

  constructor(world, n, seed, followers) {
    this.world = world;
    this.random = new Random(seed + n * 7_919);
    this.followers = followers;
  }

  tally = (what) => {
    this.world.tally[what] = (this.world.tally[what] ?? 0) + 1;
  };

  trouble(what) {
    this.troubles.push(`${this.taskId}: ${what}`);
  }

  /** Is waited for before the task is looked at. */
  also(work) {
    const settled = work
      .catch((error) => this.trouble(describe(error)))
      .then(() => this.#beside.delete(settled));
    this.#beside.add(settled);
  }

  /** Someone who has the task too: the runner itself, or another instance, with another host. */
  anyone() {
    const { random, world } = this;
    if (this.executor !== undefined && random.chance(0.3)) return this.executor;
    const engine = random.pick(world.engines);
    const kind = random.chance(0.3) ? 'executor' : 'lifecycle';
    return world.objects.add(engine[kind](this.taskId, 'u'));
  }

  checkOrder(last, event) {
    if (event.id === undefined) return last;
    const [seq, n] = event.id.split('.').map(Number);
    if (last && (seq < last[0] || (seq === last[0] && n <= last[1]))) {
      this.trouble(`a follower was told ${event.id} after ${last.join('.')}`);
    }
    return [seq, n];
  }

  async run() {
    const { random, world } = this;
    const items = Array.from({ length: 1 + Math.floor(random.between(0, 3)) }, (_, n) => ({
      name: itemName(random.pick(kinds), n),
    }));
    const { id } = await world.quiet.createTask('u', { title: 'Live', milestones: [{ name: 'All', items }] });
    this.taskId = id;
    this.stored = world.quiet.lifecycle(id, 'u');
    this.#decider = decider(this);
    this.also(this.#decider.sweep());
    for (let n = 0; n < this.followers; n += 1) this.also(follow(this));
    if (random.chance(0.03)) this.also(this.#deleteSoon());
    try {
      await this.#runs();
    } finally {
      this.ended = true;
      this.#end();
    }
    while (this.#beside.size > 0) await Promise.all(this.#beside);
    if (!this.deleted) for (const breach of await audit(this)) this.trouble(breach);
    await this.#cleanUp();
  }

  async #runs() {
    const { random } = this;
    let command = 'run';
    for (let n = 0; n < mostRuns; n += 1) {
      if (this.executor === undefined || random.chance(0.3)) this.#hire();
      const { executor } = this;
      const disturbances = n < disturbedRuns && random.chance(0.7) ? 1 + Math.floor(random.between(0, 3)) : 0;
      for (let i = 0; i < disturbances; i += 1) this.also(disturb(this));
      const outcome = await bounded(`${command} of ${this.taskId}`, this.#attempt(executor, command, n));
      const { status, error } = outcome;
      this.tally([status, error?.code].filter(Boolean).join(' '));
      if (this.deleted && status !== 'completed') return;
      if (!expected[status]?.includes(error?.code)) {
        this.trouble(`ended ${status} ${error?.code}: ${describe(error)}`);
      }
      if (status === 'completed') return;
      command = ['paused', 'stopped', 'failed'].includes(status) ? 'resume' : 'run';
      await sleep(random.between(0, 5));
    }
    this.trouble(`is not completed after ${mostRuns} runs`);
  }

  async #attempt(executor, command, n) {
    const { random, world } = this;
    if (command === 'resume') {
      try {
        await executor.resume();
        return executor.outcome;
      } catch (error) {
        return { status: 'refused', error };
      }
    }
    const disturbed = n < disturbedRuns;
    const run = executor.run({
      signal: disturbed && random.chance(0.2) ? this.#soonAborted() : world.signal,
      ...(disturbed && random.chance(0.1) && { maxDurationMs: 60 }),
      ...(disturbed && random.chance(0.1) && { whileWaiting: 'yield' }),
    });
    if (random.chance(0.2)) {
      // a reader who leaves, or is slow
      const reading = async () => {
        for await (const _ of run) if (random.chance(0.05)) break;
      };
      this.also(reading());
    }
    return run.outcome;
  }

  #soonAborted() {
    const controller = new AbortController();
    void sleep(this.random.between(0, 60)).then(() => controller.abort());
    return controller.signal;
  }

  /** An executor with listeners, some of which fail; what asks is decided. */
  #hire() {
    const { random, world } = this;
    const executor = world.objects.add(random.pick(world.engines).executor(this.taskId, 'u'));
    executor.on('task:approval_required', this.#decider.approval);
    executor.on('task:answer_required', this.#decider.answer);
    executor.on('task:message', () => {});
    if (random.chance(0.2)) {
      executor.on('task:tool_result', () => {
        throw new Error('a listener that fails');
      });
      executor.on('task:usage', () => Promise.reject(new Error('a listener that rejects')));
    }
    this.executor = executor;
    if (world.leaks('object')) world.kept.push(executor);
    if (world.leaks('listener')) world.signal.addEventListener('abort', () => {});
  }

  async #deleteSoon() {
    await sleep(this.random.between(20, 120));
    this.deleted = true;
    await bounded(`delete of ${this.taskId}`, this.world.quiet.persistence(this.taskId, 'u').delete());
    this.tally('deleted');
  }

  async #cleanUp() {
    const { taskId, world } = this;
    // what the store lets land late has landed
    await sleep(20);
    if (world.leaks('heap')) world.kept.push(new Array(50_000).fill(0));
    if (world.leaks('document')) return;
    try {
      await world.quiet.persistence(taskId, 'u').delete();
    } catch (error) {
      if (error.code !== 'TASK_NOT_FOUND') this.trouble(`could not be deleted: ${describe(error)}`);
    }
    // what its runs were about to store must not bring it back
    const left = [...world.documents].filter((path) => path.startsWith(`users/u/tasks/${taskId}/`));
    if (left.length > 0) this.trouble(`left ${left}`);
  }
}
