import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { firestoreRestStore, firestoreStore } from '../../../js/stores/firestore/index.js';
import type { RestValue } from '../../../js/stores/firestore/values.js';
import type { TaskStore, TasksQuery } from '../../../js/types.js';
import { emptyProject } from '../project.js';
import { type Connected, firebaseAdmin, googleCloud, type Project } from '../sdk/databases.js';

const text = (stringValue: string): RestValue => ({ stringValue });
const time = (timestampValue: string): RestValue => ({ timestampValue });

/** The oldest first, as Firestore orders them: by kind, then by value, then by path. */
const dates: [id: string, created: RestValue][] = [
  ['nothing', { nullValue: null }],
  ['number', { integerValue: '1767225600000' }],
  ['whole', time('2026-03-01T00:00:00Z')],
  ['micro', time('2026-03-01T00:00:00.000001Z')],
  ['twin-1', time('2026-03-01T00:00:00.5Z')],
  ['twin-2', time('2026-03-01T00:00:00.5Z')],
  ['late', time('2027-01-01T00:00:00Z')],
  ['text-1', text('2026-02-01T00:00:00.000Z')],
  ['text-2', text('2026-03-01T00:00:00Z')],
  ['text-3', text('2026-04-01T00:00:00.000Z')],
];
const oldest = dates.map(([id]) => id);

async function commit({ projectId, host }: Project, writes: (documents: string) => object[]): Promise<void> {
  const documents = `projects/${projectId}/databases/(default)/documents`;
  const response = await fetch(`http://${host}/v1/${documents}:commit`, {
    method: 'POST',
    headers: { authorization: 'Bearer owner' },
    body: JSON.stringify({ writes: writes(documents) }),
  });
  expect(response.status, await response.clone().text()).toBe(200);
}

const adapters: Record<string, (project: Project) => Connected | undefined> = {
  'the REST store': () => undefined,
  'the SDK': (project) => googleCloud(project),
  'the SDK over REST': (project) => googleCloud(project, true),
  'firebase-admin': (project) => firebaseAdmin(project),
};

describe.each(Object.entries(adapters))('over %s', (_, connect) => {
  const project = emptyProject();
  let connected: Connected | undefined;
  beforeAll(async () => {
    connected = connect(project);
    await commit(project, (documents) =>
      dates.map(([id, created_at]) => ({
        update: {
          name: `${documents}/users/u/tasks/${id}`,
          fields: { status: text('in_progress'), created_at },
        },
      })),
    );
  });
  afterAll(() => connected?.end());

  /** One that has read nothing, as after a restart. */
  const fresh = (): TaskStore =>
    connected ? firestoreStore(connected.db, { emulator: true }) : firestoreRestStore(project);

  async function paged(query: Omit<TasksQuery, 'limit'>, limit: number): Promise<string[]> {
    const ids: string[] = [];
    let after: string | undefined;
    do {
      const page: Awaited<ReturnType<NonNullable<TaskStore['tasks']>>> | undefined = await fresh().tasks?.({
        ...query,
        limit,
        after,
      });
      ids.push(...(page ?? []).map(({ path }) => path.split('/').at(-1) as string));
      const last = page?.at(-1);
      const created = last?.data.created_at;
      after = last && `${typeof created === 'string' ? created : ''} ${last.path}`;
    } while (after !== undefined && ids.length <= 2 * dates.length);
    return ids;
  }

  test.each([1, 3])('every task is on one page of %i, whatever its created_at is', async (limit) => {
    expect(await paged({ userId: 'u' }, limit)).toEqual(oldest.toReversed());
    expect(await paged({ userId: 'u', order: 'oldest' }, limit)).toEqual(oldest);
    expect(await paged({ status: 'in_progress', order: 'oldest' }, limit)).toEqual(oldest);
  });

  test('a page begins behind a task that was deleted since', async () => {
    const gone = 'users/u/tasks/text-gone';
    const created_at = text('2026-02-15T00:00:00.000Z');
    await commit(project, (documents) => [
      { update: { name: `${documents}/${gone}`, fields: { created_at } } },
    ]);
    await commit(project, (documents) => [{ delete: `${documents}/${gone}` }]);
    const after = `2026-02-15T00:00:00.000Z ${gone}`;
    const page = await fresh().tasks?.({ userId: 'u', order: 'oldest', limit: 5, after });
    expect(page?.map(({ path }) => path)).toEqual(['users/u/tasks/text-2', 'users/u/tasks/text-3']);
  });
});
