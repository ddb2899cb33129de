import { describe, expect, it } from 'vitest';
import type { Task } from '../../../js/types.js';
import { taskWith } from '../api/fixtures.js';
import { heldTool } from '../api/world.js';
import { eventually, site } from './site.js';

async function bodyOf(response: Response): Promise<Task & Record<string, any>> {
  expect(response.status).toBeLessThan(300);
  return response.json();
}

describe('edits of a task', () => {
  it('change title, description and metadata; the configuration is the app to change', async () => {
    const { ask } = site();
    const patch = { title: 'New', metadata: { tags: ['a'] }, config: { auto_approve: false } };
    const task = await bodyOf(await ask('PATCH', '/t', { body: patch }));
    expect(task).toMatchObject({
      title: 'New',
      description: 'Do it.',
      metadata: { tags: ['a'] },
      config: { auto_approve: true },
    });
    const open = site({ edit: (body) => body });
    const edited = await bodyOf(await open.ask('PATCH', '/t', { body: patch }));
    expect(edited.config).toEqual({ system_prompt: 'Be brief.', auto_approve: false });
    expect((await ask('PATCH', '/t', { body: { title: 7 } })).status).toBe(400);
  });

  it.each(['PATCH /t/status', 'PATCH /t'])('by %s pause a running task and have it go on', async (route) => {
    const [method = '', path = ''] = route.split(' ');
    const { held, isCalled, release } = heldTool();
    const { ask, engine } = site({
      turns: [{ tools: [{ name: 'held', input: {} }] }, 'Done.'],
      host: { tools: { held }, defaults: { graceMs: 30 } },
    });
    const status = async (to: string) =>
      (await bodyOf(await ask(method, path, { body: { status: to } }))).status;
    expect(await status('in_progress')).toBe('in_progress');
    await isCalled;
    expect(await status('paused')).toBe('paused');
    release('late');
    expect(await status('in_progress')).toBe('in_progress');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    expect((await ask(method, path, { body: { status: 'in_progress' } })).status).toBe(409);
    expect((await ask(method, path, { body: { status: 'done' } })).status).toBe(400);
  });

  it('of the status to one that no command leads to end a run, and are kept', async () => {
    const { held, isCalled } = heldTool();
    const { ask, engine } = site({
      turns: [{ tools: [{ name: 'held', input: {} }] }],
      host: { tools: { held }, defaults: { graceMs: 10 } },
    });
    await ask('POST', '/t/start');
    await isCalled;
    expect(await bodyOf(await ask('PATCH', '/t/status', { body: { status: 'completed' } }))).toMatchObject({
      status: 'completed',
      completed_at: expect.any(String),
    });
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).owner === undefined);
    expect((await engine.lifecycle('t', 'u').state()).status).toBe('completed');
  });

  it('of the plan are counted up, in the shape and with the names that the document has', async () => {
    const { ask, host } = site({ tasks: [taskWith(['One', 'Two'])] });
    await bodyOf(
      await ask('POST', '/t/milestones', { body: { milestone_id: 'm2', name: 'Second', description: 'D' } }),
    );
    await bodyOf(
      await ask('POST', '/t/milestones/m2/items', {
        body: { task_item_id: 'x', name: 'X', description: '', estimated_hours: 2 },
      }),
    );
    await bodyOf(
      await ask('PATCH', '/t/milestones/m2/items/x', { body: { notes: 'careful', status: 'in_progress' } }),
    );
    const task = await bodyOf(await ask('POST', '/t/milestones/m/items/i1/complete'));
    expect(task.progress).toMatchObject({
      overall_percentage: 25,
      milestones: [
        { id: 'm', status: 'in_progress', progress: 50, tasks_completed: 1, tasks_total: 2 },
        { id: 'm2', status: 'not_started', progress: 0, tasks_completed: 0, tasks_total: 1 },
      ],
      tasks: {
        m: [{ id: 'i1', status: 'completed', completed_at: expect.any(String) }, {}],
        m2: [{ id: 'x', estimated_hours: 2, notes: 'careful' }],
      },
    });
    const done = await bodyOf(await ask('POST', '/t/milestones/m/complete'));
    expect(done.progress).toMatchObject({
      overall_percentage: 50,
      milestones: [{ status: 'completed', progress: 100 }, {}],
    });
    const reopened = await bodyOf(
      await ask('PATCH', '/t/milestones/m/items/i2', { body: { status: 'not_started' } }),
    );
    expect(reopened.progress.milestones[0]).toMatchObject({ status: 'in_progress', progress: 50 });
    expect(reopened.progress.milestones[0]?.completed_at).toBeUndefined();
    expect(await bodyOf(await ask('PATCH', '/t/progress', { body: { percentage: 77 } }))).toMatchObject({
      progress: { overall_percentage: 77 },
    });
    const [stored] = await host.store.read(['users/u/tasks/t']);
    expect(stored?.data.progress).toMatchObject({ overall_percentage: 77 });
  });

  it('keep to the newer shape of a document, and to times of earlier names', async () => {
    const newer = taskWith(['One'], {
      progress: {
        project: { name: 'P', current_milestone: 'm' },
        milestones: [
          {
            id: 'm',
            name: 'M',
            description: '',
            status: 'not_started',
            progress: 0,
            tasks_completed: 0,
            tasks_total: 2,
            extra: 1,
          },
        ],
        tasks: {
          m: [
            { id: 'a', name: 'A', description: '', status: 'completed', completed_date: '2026-01-01' },
            { id: 'b', name: 'B', description: '', status: 'not_started' },
          ],
        },
        progress: { planning: 3, overall: 0 },
      },
    });
    const { ask, host } = site({ tasks: [newer] });
    const task = await bodyOf(await ask('POST', '/t/milestones/m/items/b/complete'));
    expect(task.progress).toMatchObject({
      overall_percentage: 100,
      current_milestone: 'm',
      tasks: { m: [{ completed_at: '2026-01-01' }, {}] },
    });
    const [stored] = await host.store.read(['users/u/tasks/t']);
    expect(stored?.data.progress).toMatchObject({
      project: { name: 'P' },
      progress: { planning: 3, overall: 100 },
      milestones: [{ extra: 1 }],
      tasks: { m: [{}, { completed_date: expect.any(String) }] },
    });
  });

  it('that cannot be are refused', async () => {
    const { ask } = site();
    const wrong: [string, string, object, number][] = [
      ['POST', '/t/milestones', { milestone_id: 'm', name: 'Again' }, 409],
      ['POST', '/t/milestones', { milestone_id: '__proto__', name: 'X' }, 400],
      ['POST', '/t/milestones', { name: 'X' }, 400],
      ['PATCH', '/t/milestones/none', { name: 'X' }, 404],
      ['POST', '/t/milestones/m/items', { task_item_id: 'i1', name: 'X' }, 409],
      ['PATCH', '/t/milestones/m/items/none', { name: 'X' }, 404],
      ['POST', '/t/milestones/constructor/items/i1/complete', {}, 404],
      ['PATCH', '/t/milestones/m', { status: 'paused' }, 400],
      ['PATCH', '/t/milestones/m', { progress: 101 }, 400],
      ['PATCH', '/t/progress', { percentage: '50' }, 400],
    ];
    for (const [method, path, body, status] of wrong) {
      expect((await ask(method, path, { body })).status, `${method} ${path}`).toBe(status);
    }
  });

  it('of the plan are seen by the run at its next safe point', async () => {
    const { held, isCalled, release } = heldTool();
    const { ask, engine, model } = site({
      tasks: [taskWith(['One', 'Two', 'Three'])],
      turns: [{ tools: [{ name: 'held', input: {} }] }, 'One is done.', 'Three is done.'],
      host: { tools: { held } },
    });
    await ask('POST', '/t/start');
    await isCalled;
    await bodyOf(await ask('POST', '/t/milestones/m/items/i2/complete'));
    release('ok');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    expect(model.requests).toHaveLength(3);
    expect(JSON.stringify(model.requests.at(-1))).toContain('Three');
  });

  it('made at the same time are all kept', async () => {
    const { ask } = site({ tasks: [taskWith(['One', 'Two', 'Three', 'Four'])] });
    const made = await Promise.all(
      ['i1', 'i2', 'i3', 'i4'].map((id) => ask('POST', `/t/milestones/m/items/${id}/complete`)),
    );
    expect(made.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await bodyOf(await ask('GET', '/t'))).progress.milestones[0]).toMatchObject({
      tasks_completed: 4,
      status: 'completed',
    });
  });

  it('of the thread that a user makes are heard by the model', async () => {
    const { held, isCalled, release } = heldTool();
    const { ask, engine, model } = site({
      turns: [{ tools: [{ name: 'held', input: {} }] }, 'Done.', 'Heard.'],
      host: { tools: { held } },
    });
    await ask('POST', '/t/start');
    await isCalled;
    const said = await bodyOf(
      await ask('POST', '/t/messages', {
        body: { role: 'user', content: 'In French.', metadata: { from: 'chat' } },
      }),
    );
    const noted = await bodyOf(
      await ask('POST', '/t/messages', { body: { role: 'system', content: 'Noted.' } }),
    );
    expect(said.message_id).not.toBe(noted.message_id);
    release('ok');
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    expect(JSON.stringify(model.requests.at(-1))).toContain('In French.');
    expect(JSON.stringify(model.requests)).not.toContain('Noted.');
    const { messages } = await bodyOf(await ask('GET', '/t/messages'));
    expect(messages.filter(({ id }: Task) => [said.message_id, noted.message_id].includes(id))).toHaveLength(
      2,
    );
    expect((await ask('POST', '/t/messages', { body: { role: 'root', content: 'x' } })).status).toBe(400);
  });
});
