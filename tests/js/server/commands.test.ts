import { describe, expect, it } from 'vitest';
import { tool } from '../../../js/index.js';
import { add, heldTool } from '../api/world.js';
import { eventually, site } from './site.js';

describe('the routes of a task', () => {
  it('start a task, answer once that is stored, and let it run behind the answer', async () => {
    const { ask, engine } = site({ turns: ['Done.'] });
    const response = await ask('POST', '/t/start');
    expect(response.status).toBe(202);
    const journal = engine.persistence('t', 'u').journal()[Symbol.asyncIterator]();
    expect((await journal.next()).value.kinds).toContain('begun');
    await eventually(async () => (await (await ask('GET', '/t/state')).json()).status === 'completed');
    const { messages, total } = await (await ask('GET', '/t/messages')).json();
    expect(messages.at(-1)).toMatchObject({ role: 'assistant', content: 'Done.', task_id: 't' });
    expect(total).toBe(messages.length);
    expect((await (await ask('GET', '/t/messages?limit=1')).json()).messages).toEqual(messages.slice(-1));
  });

  it('hand each run to the platform, so that it is not frozen with the answer', async () => {
    const kept: Promise<unknown>[] = [];
    const { ask, engine } = site({ turns: ['Done.'], run: { keepAlive: (run) => kept.push(run) } });
    await ask('POST', '/t/start');
    expect(kept).toHaveLength(1);
    await kept[0];
    expect((await engine.lifecycle('t', 'u').state()).status).toBe('completed');
  });

  it('pause and resume a task', async () => {
    const { held, isCalled, release } = heldTool();
    const turns = [{ tools: [{ name: 'held', input: {} }] }, 'Done.'];
    const { ask, engine } = site({ turns, host: { tools: { held }, defaults: { graceMs: 50 } } });
    await ask('POST', '/t/start');
    await isCalled;
    const paused = ask('POST', '/t/pause');
    release('late');
    expect((await paused).status).toBe(202);
    expect((await engine.lifecycle('t', 'u').state()).status).toBe('paused');
    expect((await ask('POST', '/t/resume')).status).toBe(202);
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
  });

  it('approve a call of a task that nobody runs any more, which goes on then', async () => {
    const careful = tool({ ...add, needsApproval: true });
    const { ask, engine } = site({
      turns: [{ tools: [{ name: 'add', input: { a: 1, b: 2 } }] }, 'Three.'],
      host: { tools: { add: careful }, defaults: { whileWaiting: 'yield' } },
    });
    await ask('POST', '/t/start');
    const state = async () => (await ask('GET', '/t/state')).json();
    await eventually(async () => (await state()).unfinished);
    const [call] = (await state()).waiting;
    expect(call.toolCall).toMatchObject({ name: 'add', input: { a: 1, b: 2 } });
    const approved = await ask('POST', '/t/approve', {
      body: { toolCallId: call.toolCall.id, note: 'fine' },
    });
    expect(approved.status).toBe(202);
    await eventually(async () => (await state()).status === 'completed');
    expect((await engine.persistence('t', 'u').toolResults())[0]?.content).toEqual([{ json: { sum: 3 } }]);
    const again = await ask('POST', '/t/approve', { body: { toolCallId: call.toolCall.id } });
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({ code: 'ALREADY_DECIDED' });
  });

  it('say what is wrong with a command in this state, and with its body', async () => {
    const { ask } = site();
    const resumed = await ask('POST', '/t/resume');
    expect([resumed.status, resumed.headers.get('content-type')]).toEqual([409, 'application/problem+json']);
    const told = await resumed.json();
    expect(told).toMatchObject({ code: 'INVALID_TRANSITION', status: 409, retryable: false });
    expect(told.error).toBe(told.detail);
    const bodies: [string, unknown, RegExp][] = [
      ['send', {}, /message must be a string/],
      ['approve', { toolCallId: 7 }, /toolCallId must be a string/],
      ['answer', { toolCallId: 'x' }, /result is missing/],
      ['send', '[1]', /must be a JSON object/],
      ['send', '{"message":', /is not JSON/],
    ];
    for (const [command, body, detail] of bodies) {
      const response = await ask('POST', `/t/${command}`, { body });
      expect(response.status, command).toBe(400);
      expect((await response.json()).detail).toMatch(detail);
    }
  });

  it('delete a task with all that belongs to it', async () => {
    const { ask, host } = site({ turns: ['Done.'] });
    await ask('POST', '/t/start');
    await eventually(async () => (await (await ask('GET', '/t/state')).json()).status === 'completed');
    expect((await ask('DELETE', '/t')).status).toBe(204);
    expect((await ask('GET', '/t')).status).toBe(404);
    expect(await host.store.list('users/u/tasks/t/journal', { limit: 1 })).toEqual([]);
  });

  it('only begin a task where the host has no model, and leave the running to whoever has one', async () => {
    const { ask, engine } = site({ host: { model: undefined } });
    expect((await ask('POST', '/t/start')).status).toBe(202);
    expect(await engine.lifecycle('t', 'u').state()).toMatchObject({
      status: 'in_progress',
      unfinished: true,
    });
  });

  it('keep a user from having too many tasks at work at once', async () => {
    const { taskWith } = await import('../api/fixtures.js');
    const { held, release } = heldTool();
    const { ask, engine } = site({
      turns: [{ tools: [{ name: 'held', input: {} }] }, 'Done.', 'Done too.'],
      tasks: [taskWith(['One']), taskWith(['Two'], { id: 't2' })],
      host: { tools: { held } },
      limits: { runningPerUser: 1 },
    });
    expect((await ask('POST', '/t/start')).status).toBe(202);
    const refused = await ask('POST', '/t2/start');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10']);
    expect((await ask('POST', '/t/run')).status).toBe(202);
    release('ok');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    await eventually(async () => (await ask('POST', '/t2/start')).status === 202);
  });
});
