import { expect, test } from 'vitest';
import { createTaskEngine } from '../../js/index.js';
import { createTaskRoutes, unfinishedTasks } from '../../js/server/index.js';
import { firestoreRestStore } from '../../js/stores/firestore/rest.js';
import { scriptedModel } from '../../js/testing/scripted-model.js';
import { emptyProject } from './project.js';

test('routes make, list, edit, run and stream tasks in Firestore, and the sweep finds what is left', async () => {
  const store = firestoreRestStore(emptyProject());
  const engine = createTaskEngine({ store, model: scriptedModel(['One is done.', 'Two is done.']) });
  const routes = createTaskRoutes({ user: (request) => request.headers.get('x-user'), engine });
  const ask = (method: 'GET' | 'POST' | 'PATCH', path: string, body?: object, user = 'u') =>
    routes[method](
      new Request(`https://app.example/api/tasks${path}`, {
        method,
        headers: {
          'x-user': user,
          authorization: 'Bearer x',
          'idempotency-key': 'k',
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      }),
    );

  const plan = { title: 'T', milestones: [{ name: 'M', items: [{ name: 'One' }, { name: 'Two' }] }] };
  const made = await Promise.all([1, 2, 3, 4].map(() => ask('POST', '', plan)));
  const [{ id }, ...others] = await Promise.all(made.map((response) => response.json()));
  expect(others.map((task) => task.id)).toEqual([id, id, id]);
  await ask('POST', '', { title: 'Left' }, 'v');
  const [left] = (await (await ask('GET', '?status=not_started', undefined, 'v')).json()).tasks;
  await engine.lifecycle(left.id, 'v').start();
  expect(await unfinishedTasks({ engine })).toEqual([{ userId: 'v', taskId: left.id }]);

  const edited = await ask('PATCH', `/${id}/milestones/milestone-1`, { name: 'Renamed' });
  expect((await edited.json()).progress.milestones).toMatchObject([{ name: 'Renamed' }]);
  const streaming = ask('GET', `/${id}/events`).then((response) => response.text());
  expect((await ask('POST', `/${id}/start`)).status).toBe(202);
  expect(await streaming).toMatch(
    /^retry[\s\S]*event: snapshot[\s\S]*event: task:completed[\s\S]*event: end\n.*\n\n$/,
  );
  expect(await (await ask('GET', '')).json()).toMatchObject({
    total: 1,
    tasks: [{ id, status: 'completed' }],
  });
});

test('a list goes by time from page to page, whether texts or timestamps say when tasks were created', async () => {
  const project = emptyProject();
  const documents = `projects/${project.projectId}/databases/(default)/documents`;
  const created = {
    e: { stringValue: '2026-05-01T00:00:00.000Z' },
    d: { timestampValue: '2026-04-01T00:00:00.5Z' },
    c: { timestampValue: '2026-03-01T00:00:00Z' },
    b: { stringValue: '2026-02-01T00:00:00.000Z' },
    a: { timestampValue: '2026-01-01T00:00:00Z' },
  };
  const response = await fetch(`http://${project.host}/v1/${documents}:commit`, {
    method: 'POST',
    headers: { authorization: 'Bearer owner' },
    body: JSON.stringify({
      writes: Object.entries(created).map(([id, created_at]) => ({
        update: {
          name: `${documents}/users/u/tasks/${id}`,
          fields: { title: { stringValue: id }, status: { stringValue: 'paused' }, created_at },
        },
      })),
    }),
  });
  expect(response.status, await response.clone().text()).toBe(200);
  const engine = createTaskEngine({ store: firestoreRestStore(project), model: scriptedModel([]) });
  const { GET } = createTaskRoutes({ user: () => 'u', engine });
  const seen: string[] = [];
  let before: string | undefined = '';
  while (before !== undefined) {
    const url: string = `https://app.example/api/tasks?limit=2&before=${encodeURIComponent(before)}`;
    const list: any = await (await GET(new Request(url))).json();
    expect(list.total).toBe(5);
    seen.push(...list.tasks.map(({ id }: { id: string }) => id));
    before = list.before;
  }
  expect(seen).toEqual(['e', 'd', 'c', 'b', 'a']);
});
