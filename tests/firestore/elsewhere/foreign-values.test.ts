import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { firestoreRestStore, firestoreStore } from '../../../js/stores/firestore/index.js';
import type { RestFields, RestValue } from '../../../js/stores/firestore/values.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { TaskStore } from '../../../js/types.js';
import { emptyProject } from '../project.js';
import { type Connected, firebaseAdmin, googleCloud, type Project } from '../sdk/databases.js';

const text = (stringValue: string): RestValue => ({ stringValue });
const map = (fields: RestFields): RestValue => ({ mapValue: { fields } });
const list = (...values: RestValue[]): RestValue => ({ arrayValue: { values } });
const vector = (...values: number[]): RestValue =>
  map({ __type__: text('__vector__'), value: list(...values.map((doubleValue) => ({ doubleValue }))) });

/** One of every kind that JSON does not have, and of those that it has. */
function everything({ projectId }: Project): RestFields {
  return {
    time: { timestampValue: '2027-01-15T08:00:00.123456Z' },
    whole_second: { timestampValue: '2027-01-15T08:00:00Z' },
    reference: { referenceValue: `projects/${projectId}/databases/(default)/documents/users/bob` },
    point: { geoPointValue: { latitude: 48.137, longitude: -11.575 } },
    bytes: { bytesValue: 'cG5nAP8=' },
    nan: { doubleValue: 'NaN' },
    infinite: { doubleValue: '-Infinity' },
    large: { integerValue: '9007199254740993' },
    largest: { integerValue: '-9223372036854775808' },
    vector: vector(0.5, -1.25, 3.75),
    times: list(
      { timestampValue: '2027-01-15T08:00:00.500Z' },
      { timestampValue: '2027-01-16T08:00:00.500Z' },
    ),
    vectors: list(map({ of: vector(0.25) }), map({ of: vector(0.125) })),
    nested: map({ deep: list(map({ at: { timestampValue: '2020-02-29T00:00:00.001Z' } })) }),
    plain: text('2027-01-15T08:00:00.123456Z'),
    fraction: { doubleValue: 0.30000000000000004 },
    tiny: { doubleValue: 5e-324 },
    huge: { doubleValue: 1.7976931348623157e308 },
    integer: { integerValue: '7' },
    nothing: { nullValue: null },
    yes: { booleanValue: true },
    empty: { mapValue: {} },
    no_elements: { arrayValue: {} },
  };
}

const kindsOfShape = ['older', 'newer'] as const;

function taskFields(project: Project, shape: (typeof kindsOfShape)[number]): RestFields {
  const item = (id: string): RestValue =>
    map({ id: text(id), name: text(`Item ${id}`), status: text('not_started'), ...everything(project) });
  const milestone = map({
    id: text('m'),
    name: text('M'),
    status: text('not_started'),
    progress: { integerValue: '0' },
    tasks_completed: { integerValue: '0' },
    tasks_total: { integerValue: '2' },
    ...everything(project),
  });
  const pointers: RestFields =
    shape === 'older'
      ? { current_milestone: text('m'), current_task: text('a'), overall_percentage: { integerValue: '0' } }
      : {
          project: map({ name: text('P'), status: text('not_started'), ...everything(project) }),
          progress: map({ overall: { integerValue: '0' }, ...everything(project) }),
        };
  return {
    user_id: text('u'),
    title: text('T'),
    description: text(''),
    status: text('not_started'),
    created_at: { timestampValue: '2026-01-01T00:00:00Z' },
    updated_at: { timestampValue: '2026-01-01T00:00:00Z' },
    config: map({ system_prompt: text(''), auto_approve: { booleanValue: true }, ...everything(project) }),
    metadata: map(everything(project)),
    execution: map({ ...everything(project), api_messages: { arrayValue: {} } }),
    progress: map({
      ...pointers,
      ...everything(project),
      milestones: list(milestone),
      tasks: map({ m: list(item('a'), item('b')) }),
    }),
    ...everything(project),
  };
}

async function put({ projectId, host }: Project, path: string, fields: RestFields): Promise<void> {
  const documents = `projects/${projectId}/databases/(default)/documents`;
  const response = await fetch(`http://${host}/v1/${documents}:commit`, {
    method: 'POST',
    headers: { authorization: 'Bearer owner' },
    body: JSON.stringify({ writes: [{ update: { name: `${documents}/${path}`, fields } }] }),
  });
  expect(response.status, await response.clone().text()).toBe(200);
}

/** As the server has it: no decoder of ours in between. */
async function raw({ projectId, host }: Project, path: string): Promise<RestFields> {
  const url = `http://${host}/v1/projects/${projectId}/databases/(default)/documents/${path}`;
  const response = await fetch(url, { headers: { authorization: 'Bearer owner' } });
  expect(response.status).toBe(200);
  return ((await response.json()) as { fields: RestFields }).fields;
}

const inMap = (value: RestValue | undefined): RestFields =>
  (value?.mapValue as { fields: RestFields } | undefined)?.fields ?? {};
const inList = (value: RestValue | undefined): RestValue[] =>
  (value?.arrayValue as { values?: RestValue[] } | undefined)?.values ?? [];

const adapters: Record<string, (project: Project) => Connected | undefined> = {
  'the REST store': () => undefined,
  'the SDK': (project) => googleCloud(project),
  'the SDK over REST': (project) => googleCloud(project, true),
  'the SDK with BigInt': (project) => {
    const connected = googleCloud(project);
    connected.db.settings({ useBigInt: true });
    return connected;
  },
  'firebase-admin': (project) => firebaseAdmin(project),
};

describe.each(Object.entries(adapters))('over %s', (_, connect) => {
  const project = emptyProject();
  let store: TaskStore;
  let connected: Connected | undefined;
  beforeAll(() => {
    connected = connect(project);
    store = connected ? firestoreStore(connected.db, { emulator: true }) : firestoreRestStore(project);
  });
  afterAll(() => connected?.end());

  function expectAsTheyWere(after: RestFields): void {
    const progress = inMap(after.progress);
    const [milestone] = inList(progress.milestones);
    const items = inList(inMap(progress.tasks).m);
    const places = { metadata: after.metadata, config: after.config, execution: after.execution };
    const changed = [...items.map(inMap), inMap(milestone), progress, after];
    for (const fields of [...Object.values(places).map(inMap), ...changed]) {
      expect(fields).toMatchObject(everything(project));
    }
    expect(after.created_at).toEqual({ timestampValue: '2026-01-01T00:00:00Z' });
  }

  test.each(kindsOfShape)(
    'what JSON does not have is as it was after a run, in the %s shape',
    async (shape) => {
      const path = `users/u/tasks/${shape}`;
      await put(project, path, taskFields(project, shape));
      const engine = createTaskEngine({ store, model: scriptedModel(['One.', 'Two.']) });
      const executor = engine.executor(shape, 'u');
      await executor.start();
      expect(executor.outcome).toMatchObject({ status: 'completed' });
      const after = await raw(project, path);
      expectAsTheyWere(after);
      const items = inList(inMap(inMap(after.progress).tasks).m).map(inMap);
      expect(items.map(({ status }) => status)).toEqual([text('completed'), text('completed')]);
      expect(after.status).toEqual(text('completed'));
      expect(Object.keys(after.updated_at ?? {}), 'a time that is stored as one stays one').toEqual([
        'timestampValue',
      ]);
    },
  );

  test('what others add and move while the task runs is as they wrote it', async () => {
    const path = 'users/u/tasks/moved';
    await put(project, path, taskFields(project, 'older'));
    const engine = createTaskEngine({
      store,
      model: scriptedModel([{ tools: [{ name: 'move', input: {} }] }, 'One.', 'Two.', 'Three.']),
      tools: {
        move: {
          description: 'Others change the plan.',
          inputSchema: { type: 'object' },
          execute: async () => {
            const now = await raw(project, path);
            const progress = inMap(now.progress);
            const items = inList(inMap(progress.tasks).m);
            const added = map({
              id: text('c'),
              name: text('Item c'),
              status: text('not_started'),
              ...everything(project),
              time: { timestampValue: '2031-01-01T00:00:00.000001Z' },
            });
            const tasks = map({ m: list(added, ...items.reverse()) });
            await put(project, path, { ...now, progress: map({ ...progress, tasks }) });
            return 'moved';
          },
        },
      },
    });
    const executor = engine.executor('moved', 'u');
    await executor.start();
    expect(executor.outcome).toMatchObject({ status: 'completed' });
    const [added, ...others] = inList(inMap(inMap((await raw(project, path)).progress).tasks).m).map(inMap);
    expect(added).toMatchObject({
      ...everything(project),
      time: { timestampValue: '2031-01-01T00:00:00.000001Z' },
      status: text('completed'),
    });
    for (const item of others) expect(item).toMatchObject(everything(project));
  });

  test('a store that has not read the task keeps what an update goes out from', async () => {
    const path = 'users/u/tasks/unread';
    await put(project, path, taskFields(project, 'older'));
    const reader = connected ? firestoreStore(connected.db, { emulator: true }) : firestoreRestStore(project);
    const [document] = await reader.read([path]);
    const progress = document?.data.progress as { tasks: { m: object[] } };
    const items = progress.tasks.m.map((item) => ({ ...item, notes: 'seen' }));
    const field = { path: ['progress', 'tasks', 'm'], value: items };
    await store.commit([{ op: 'update', path, fields: [field], ifVersion: document?.version }]);
    expectAsTheyWere(await raw(project, path));
    // and goes on from there
    const [again] = await reader.read([path]);
    const more = items.map((item) => ({ ...item, notes: 'seen again' }));
    await store.commit([
      { op: 'update', path, fields: [{ ...field, value: more }], ifVersion: again?.version },
    ]);
    const after = await raw(project, path);
    expectAsTheyWere(after);
    expect(inMap(inList(inMap(inMap(after.progress).tasks).m)[1]).notes).toEqual(text('seen again'));
  });
});

test('a whole number that is stored as a double stays one over REST', async () => {
  const project = emptyProject();
  const path = 'users/u/tasks/t';
  const fields = taskFields(project, 'older');
  const progress = inMap(fields.progress);
  const item = { id: text('a'), status: text('not_started'), score: { doubleValue: 5 } };
  await put(project, path, {
    ...fields,
    progress: map({ ...progress, tasks: map({ m: list(map(item)) }) }),
  });
  const engine = createTaskEngine({ store: firestoreRestStore(project), model: scriptedModel(['One.']) });
  await engine.executor('t', 'u').start();
  const [after] = inList(inMap(inMap((await raw(project, path)).progress).tasks).m).map(inMap);
  expect(after).toMatchObject({ score: { doubleValue: 5 }, status: text('completed') });
});
