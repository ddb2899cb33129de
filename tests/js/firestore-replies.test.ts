import { expect, test } from 'vitest';
import { storeError } from '../../js/stores/firestore/errors.js';
import { firestoreRestStore, fromTaskDatabaseService } from '../../js/stores/firestore/index.js';

const name = 'projects/p/databases/(default)/documents/users/u/tasks/t';
const time = '2026-01-01T00:00:00.000001Z';

test('a list that fails after its first rows is a failure, not a short page', async () => {
  const rows = [
    { document: { name: `${name}/journal/00000001`, fields: {}, updateTime: time }, readTime: time },
    { error: { code: 14, status: 'UNAVAILABLE', message: 'cut' } },
  ];
  const fetch = async () => new Response(JSON.stringify(rows));
  const store = firestoreRestStore({ projectId: 'p', fetch });
  await expect(store.list('users/u/tasks/t/journal', { limit: 10 })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('cut'),
  });
});

test('a token that cannot be refreshed just now is worth another try', async () => {
  const token = async () => {
    throw new Error('the token server is away');
  };
  const store = firestoreRestStore({ projectId: 'p', token, fetch: async () => new Response('[]') });
  await expect(store.read(['users/u/tasks/t'])).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('the token server is away'),
  });
});

test('two reads of a task at once both see what the service has', async () => {
  const service = { getTask: async () => ({ id: 't', title: 'A task', status: 'not_started' }) };
  const store = fromTaskDatabaseService(service);
  const read = () => store.read(['users/u/tasks/t']);
  const found = await Promise.all([read(), read()]);
  expect(found.map(([task]) => task?.data.title)).toEqual(['A task', 'A task']);
});

test('missing credentials are denied: another try would find none either', () => {
  const message = 'Could not load the default credentials. Browse to https://cloud.google.com/docs for more.';
  expect(storeError('commit', undefined, message)).toMatchObject({
    code: 'denied',
    // its own advice is enough
    message: `Firestore: the commit failed with UNKNOWN: ${message}`,
  });
});
