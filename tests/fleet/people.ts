/** Those who see to what waits in a campaign: they answer, and resume what nobody goes on with. They run nothing. */
import type { TaskEngine } from '../../js/index.js';
import { restateRunner } from '../../js/restate/index.js';
import { sleep } from '../kill/random.js';
import type { Ids, Progress, Seen } from './progress.js';
import type { RestateServer } from './restate-server.mjs';

type Command = 'start' | 'resume' | 'approve' | 'answer';

/** Between two looks at all tasks; so much longer for each, because the emulator reads for the workers too. */
const lookMs = { least: 200, each: 4 };
/** Nothing was stored of a task for so long: somebody looks why. */
const stuckMs = 30_000;
/** Nothing was stored of any task for so long: nobody waits any longer. */
const silentMs = 900_000;
/** Deaths at the same place after which a worker leaves a task to people. */
const mostDeaths = 3;

export class People {
  /** Tasks that had failed, or died too often at the same place. */
  helped = 0;
  /** Tasks that Restate had in its charge no longer, and how that ended. */
  unsupervised: string[] = [];
  /** What was not completed when nothing happened any more. */
  left: string[] = [];
  readonly #engine: TaskEngine;
  readonly #server: RestateServer | undefined;
  readonly #progress: Progress;
  readonly #tasks: readonly Ids[];
  /** The head that each task had when its calls were answered. */
  readonly #answered = new Map<string, string>();
  /** When each was started or resumed. */
  readonly #toldAt = new Map<string, number>();
  #isLeaving = false;
  #isOver = false;

  constructor(
    engine: TaskEngine,
    server: RestateServer | undefined,
    progress: Progress,
    tasks: readonly Ids[],
  ) {
    this.#engine = engine;
    this.#server = server;
    this.#progress = progress;
    this.#tasks = tasks;
  }

  async begin(): Promise<void> {
    await some(this.#tasks, async (ids) => {
      await this.#say(ids, 'start');
      this.#toldAt.set(ids.taskId, Date.now());
    });
  }

  /** Until every task is completed, or nothing happens any more. */
  async see(): Promise<void> {
    await Promise.all([this.#look(), this.#act()]);
  }

  async #look(): Promise<void> {
    for (let open = 1; open > 0; ) {
      open = (await this.#progress.look(this.#tasks)).length;
      if (this.#progress.silentMs > silentMs) {
        this.left = this.#progress.open.map((seen) => JSON.stringify(seen));
        break;
      }
      if (this.#isLeaving) break;
      await sleep(lookMs.least + lookMs.each * open);
    }
    this.#isOver = true;
  }

  /** Commands may take long while nobody is there to take them: what they are about is seen when their turn comes. */
  async #act(): Promise<void> {
    while (!this.#isOver) {
      await some(this.#progress.open, async ({ ids }) => {
        const seen = this.#progress.of(ids);
        if (seen !== undefined && !this.#isOver) await this.#seeTo(seen);
      });
      await sleep(200);
    }
  }

  leave(): void {
    this.#isLeaving = true;
  }

  async #seeTo(seen: Seen): Promise<void> {
    const { ids, version, lastRun, movedAt } = seen;
    if (seen.waits) {
      if (this.#answered.get(ids.taskId) === version) return;
      this.#answered.set(ids.taskId, version);
      const { waiting } = await this.#engine.lifecycle(ids.taskId, ids.userId).state();
      for (const { toolCall, why } of waiting) {
        await this.#say(ids, why === 'input' ? 'answer' : 'approve', toolCall.id);
      }
      return;
    }
    const toldAt = this.#toldAt.get(ids.taskId);
    if (toldAt === undefined) return;
    const quietSince = Math.max(movedAt, toldAt);
    if (lastRun !== 'failed' && Date.now() - quietSince < stuckMs) return;
    if (lastRun !== 'failed' && !(await this.#isStuck(seen))) return;
    this.#toldAt.set(ids.taskId, Date.now());
    await this.#say(ids, 'resume');
  }

  /** Whether nobody goes on with it. */
  async #isStuck({ ids: { userId, taskId }, attempts }: Seen): Promise<boolean> {
    if (attempts >= mostDeaths) {
      this.helped += 1;
      return true;
    }
    const end = await this.#endOfSupervision({ userId, taskId });
    if (end === undefined) return false;
    // It may have ended since it was seen.
    const { unfinished } = await this.#engine.lifecycle(taskId, userId).state();
    if (!unfinished) return false;
    // Three slices without a turn or a result: on a machine that is busy enough, too.
    if (end.includes('stalled')) this.helped += 1;
    else this.unsupervised.push(`${taskId}: ${end}`);
    return true;
  }

  /** What Restate's last invocation for a task came to; undefined where one is under way, or cannot be asked for. */
  async #endOfSupervision({ userId, taskId }: Ids): Promise<string | undefined> {
    if (this.#server === undefined) return undefined;
    try {
      const runs = await this.#server.query(
        `select id, status from sys_invocation where target_service_key = '${userId}/${taskId}' and target_handler_name = 'run' order by created_at desc`,
      );
      if (runs.some(({ status }) => status !== 'completed')) return undefined;
      const entries = await this.#server.query(
        `select entry_json from sys_journal where id = '${runs[0]?.id}' and entry_type = 'Command: Output'`,
      );
      const said = JSON.parse(String(entries[0]?.entry_json ?? '{}'));
      const bytes = said.Command?.Output?.result?.Success ?? [];
      return Buffer.from(bytes).toString() || JSON.stringify(said);
    } catch {
      // it is being restarted
      return undefined;
    }
  }

  /** A command, again until it is stored. */
  async #say(ids: Ids, what: Command, callId = ''): Promise<void> {
    const runner = this.#server && restateRunner({ ingress: this.#server.ingress });
    const lifecycle = this.#engine.lifecycle(ids.taskId, ids.userId);
    for (;;) {
      try {
        if (what === 'answer') {
          const answer = { said: 'by a person' };
          await (runner ? runner.answer(ids, callId, answer) : lifecycle.answer(callId, answer));
        } else if (what === 'approve') {
          await (runner ? runner.approve(ids, callId) : lifecycle.approve(callId));
        } else {
          await (runner ? runner[what](ids) : lifecycle[what]());
        }
        return;
      } catch (error) {
        const { code, retryable } = error as { code?: string; retryable?: boolean };
        // What was lost was the answer to the first try; or a run has it again.
        if (['ALREADY_DECIDED', 'LEASE_HELD', 'INVALID_TRANSITION'].includes(code ?? '')) return;
        if (!retryable) throw error;
        if (this.#isLeaving || this.#isOver) return;
        await sleep(300);
      }
    }
  }
}

/** For each, ten at a time. */
async function some<T>(all: readonly T[], action: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const next = async () => {
    for (const one of left) await action(one);
  };
  await Promise.all(Array.from({ length: 10 }, next));
}
