import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTaskEngine, type TaskEngine } from '../../../js/index.js';
import { firestoreRestStore, firestoreStore } from '../../../js/stores/firestore/index.js';
import type { TaskEvent, TaskStore } from '../../../js/types.js';
import { emptyProject } from '../project.js';
import { googleCloud, type Project } from '../sdk/databases.js';
import { type Elsewhere, runElsewhere } from './process.js';

const heartbeatMs = 800;
/** From the command to its end: what has to be seen, and what a pause and a reply then take. */
const adapters = { sdk: 1_000, rest: heartbeatMs + 1_500 };

describe.each(Object.entries(adapters))('a task that another process runs (%s)', (adapter, withinMs) => {
  let project: Project;
  let here: TaskEngine;
  let end: () => Promise<unknown>;
  const runners: Elsewhere[] = [];

  beforeEach(() => {
    project = emptyProject();
    let store: TaskStore;
    if (adapter === 'sdk') {
      const connected = googleCloud(project);
      store = firestoreStore(connected.db, { emulator: true });
      end = connected.end;
    } else {
      store = firestoreRestStore(project);
      end = async () => {};
    }
    here = createTaskEngine({ store });
  });
  afterEach(async () => {
    await Promise.all(runners.splice(0).map((runner) => runner.kill()));
    await end();
  });

  async function running(script: string) {
    const { id } = await here.createTask('u', { title: 'T' });
    const runner = runElsewhere(adapter, project, id, script);
    runners.push(runner);
    return { id, runner, lifecycle: here.lifecycle(id, 'u') };
  }
  async function timed(command: () => Promise<unknown>) {
    const began = Date.now();
    await command();
    return Date.now() - began;
  }

  test.each(['pause', 'stop'] as const)('is ended by %s, which settles when it is done', async (command) => {
    const { runner, lifecycle } = await running('stalls');
    await runner.event('task:message');
    expect(await timed(() => lifecycle[command]('enough'))).toBeLessThan(withinMs);
    const status = command === 'pause' ? 'paused' : 'stopped';
    expect(await runner.outcome()).toMatchObject({ status });
    expect((await lifecycle.state()).status).toBe('paused');
    expect(await timed(() => lifecycle[command]('enough'))).toBeLessThan(withinMs);
  });

  test('takes an approval, once', async () => {
    const { runner, lifecycle } = await running('guarded');
    const { toolCall } = await runner.event('task:approval_required');
    expect((await lifecycle.state()).waiting).toMatchObject([
      { why: 'approval', toolCall: { name: 'guarded' } },
    ]);
    const asked = Date.now();
    await lifecycle.approve(toolCall.id);
    expect(await runner.event('task:tool_result')).toMatchObject({ status: 'success' });
    expect(Date.now() - asked).toBeLessThan(withinMs);
    expect(await runner.outcome()).toMatchObject({
      status: 'completed',
      text: expect.stringContaining('it ran'),
    });
    await expect(lifecycle.reject(toolCall.id)).rejects.toMatchObject({ code: 'ALREADY_DECIDED' });
  });

  test('takes a rejection', async () => {
    const { runner, lifecycle } = await running('guarded');
    const { toolCall } = await runner.event('task:approval_required');
    await lifecycle.reject(toolCall.id, 'not today');
    expect(await runner.outcome()).toMatchObject({
      status: 'completed',
      text: expect.stringContaining('not today'),
    });
  });

  test('takes an answer', async () => {
    const { runner, lifecycle } = await running('question');
    const { toolCall } = await runner.event('task:answer_required');
    await lifecycle.answer(toolCall.id, { colour: 'blue' });
    expect(await runner.outcome()).toMatchObject({
      status: 'completed',
      text: expect.stringContaining('blue'),
    });
  });

  test('hears what a user says', async () => {
    const { runner, lifecycle } = await running('listens');
    await runner.event('task:message');
    await lifecycle.send('a word from elsewhere');
    expect(await runner.outcome()).toMatchObject({
      status: 'completed',
      text: expect.stringContaining('a word from elsewhere'),
    });
  });

  test('is held: a second runner is told by whom and for how long, and events and state are read beside it', async () => {
    const { id, runner, lifecycle } = await running('stalls');
    await runner.event('task:message');
    const other = createTaskEngine({
      store: firestoreRestStore(project),
      model: { stream: () => Promise.reject(new Error('must not be asked')) },
    }).executor(id, 'u');
    const refused = await other.run({ waitForLeaseMs: 0 }).started.catch((error) => error);
    expect(refused).toMatchObject({ code: 'LEASE_HELD', retryable: true });
    expect(refused.details).toMatchObject({ owner: expect.any(String), ageMs: expect.any(Number) });
    expect(await lifecycle.state()).toMatchObject({
      status: 'in_progress',
      owner: { id: refused.details.owner, ageMs: expect.any(Number) },
    });
    const facts: TaskEvent[] = [];
    for await (const event of lifecycle.events({ after: '0' })) {
      facts.push(event);
      break;
    }
    expect(facts[0]).toMatchObject({ type: 'task:started', id: expect.any(String), seq: expect.any(Number) });
  });

  test.each(['pause', 'stop'] as const)('and has died is ended by the caller of %s', async (command) => {
    const { runner, lifecycle } = await running('stalls');
    await runner.event('task:message');
    await runner.kill();
    await lifecycle[command]();
    const state = await lifecycle.state();
    expect(state).toMatchObject({ status: 'paused', unfinished: false });
    expect(state.owner).toBeUndefined();
  });

  test('ends quietly when the task is deleted', async () => {
    const { id, runner } = await running('stalls');
    await runner.event('task:message');
    await here.persistence(id, 'u').delete();
    const outcome = await runner.outcome();
    expect(outcome.status).toBe('superseded');
    await expect(runner.event('task:error')).rejects.toThrow(/ended without task:error/);
  });
});
