// Loaded by Jest as CommonJS, where import() is refused: the optional peers are required.
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { bedrockModel } = require('task-execution-engine/bedrock');
const { firestoreStore } = require('task-execution-engine/firestore');
const { sqliteStore } = require('task-execution-engine/sqlite');

test('the SQLite store finds libsql', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jest-sqlite-'));
  const store = sqliteStore(join(folder, 'tasks.sqlite'));
  await store.commit([{ op: 'create', path: 'users/u', data: { name: 'Ada' } }]);
  expect((await store.read(['users/u']))[0].data).toEqual({ name: 'Ada' });
  store.close();
  rmSync(folder, { recursive: true });
});

test('the SQLite store without a driver says what to install', async () => {
  jest.resetModules();
  jest.doMock('libsql', () => {
    throw new Error('not there');
  });
  const fresh = require('task-execution-engine/sqlite').sqliteStore('/nowhere/tasks.sqlite');
  const builtIn = process.getBuiltinModule('node:sqlite') !== undefined;
  const code = await fresh.read(['users/u']).then(
    () => 'read',
    (error) => error.code,
  );
  expect(code).toBe(builtIn ? 'denied' : 'NOT_CONFIGURED');
  jest.dontMock('libsql');
});

test("the Bedrock model finds AWS's SDK", async () => {
  const { BedrockRuntimeClient } = require('@aws-sdk/client-bedrock-runtime');
  const credentials = { accessKeyId: 'a', secretAccessKey: 's' };
  const client = new BedrockRuntimeClient({ region: 'eu-central-1', credentials });
  const model = bedrockModel({ client, modelId: 'm' });
  const asked = model.stream({ messages: [] }, { signal: AbortSignal.abort() });
  await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
});

test("the Firestore store finds Google's SDK, by the packages that apps have", async () => {
  const { Firestore, FieldPath, Timestamp } = require('@google-cloud/firestore');
  // Without the classes as its properties: the store has to look for the package.
  class Bare extends Firestore {}
  for (const name of ['FieldPath', 'FieldValue', 'Timestamp']) {
    Object.defineProperty(Bare, name, { value: undefined });
  }
  const db = new Bare({ projectId: 'p' });
  const updates = [];
  db.batch = () => ({
    update: (_, ...pairs) => updates.push(pairs),
    commit: async () => [{ writeTime: Timestamp.fromMillis(0) }],
  });
  const fields = [{ path: ['name'], value: 'Ada' }];
  await firestoreStore(db).commit([{ op: 'update', path: 'users/u', fields }]);
  expect(updates).toEqual([[expect.any(FieldPath), 'Ada']]);
});
