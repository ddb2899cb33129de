import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createTaskEngine } from '../../js/index.js';
import { restateRunner } from '../../js/restate/index.js';
import { sqliteStore } from '../../js/stores/sqlite.js';
import { eventually, type Process, startRestateWorker } from './processes.js';
import { RestateServer } from './restate-server.mjs';

const arn = 'arn:aws:lambda:eu-central-1:123456789012:function:tasks:1';

const portOf = async (worker: Process) => Number((await worker.seen(/serving on (\d+)/))[1]);

describe.each(['lambda', 'fetch'] as const)('tasks served by the handler for %s', (on) => {
  const folder = mkdtempSync(join(tmpdir(), `task-execution-engine-${on}-`));
  const file = join(folder, 'tasks.sqlite');
  const store = sqliteStore(file);
  const engine = createTaskEngine({ store });
  const world = { store: { kind: 'sqlite', file }, defaults: { leaseTtlMs: 3_000, graceMs: 500 } };
  let worker: Process | undefined;
  let server: RestateServer | undefined;
  afterAll(async () => {
    await worker?.kill();
    await server?.kill();
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('run over several slices, wait for a person without an invocation of theirs, and end', async () => {
    worker = await startRestateWorker(world, { name: 'tasks', sliceMs: 1_500 }, on);
    const port = await portOf(worker);
    server = await RestateServer.start(folder, {
      // its client of Lambda goes to this machine
      AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${port}`,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    });
    await server.register(on === 'lambda' ? { arn } : { uri: `http://127.0.0.1:${port}`, use_http_11: true });
    const runner = restateRunner({ ingress: server.ingress });
    const items = ['Item 1', 'Item 2'].map((name) => ({ name }));
    const { id } = await engine.createTask('u', { title: 'A task', milestones: [{ name: 'All', items }] });
    const ids = { userId: 'u', taskId: id };
    await runner.start(ids);
    const state = () => engine.lifecycle(id, 'u').state();
    await eventually('it waits', async () => (await state()).waiting.length > 0);
    const running = async () =>
      (await server?.query(
        `select status from sys_invocation where target_service_key = 'u/${id}' and target_handler_name = 'run' and status != 'completed'`,
      )) ?? [];
    await eventually('it is suspended', async () => (await running())[0]?.status === 'suspended');
    const [call] = (await state()).waiting;
    await runner.approve(ids, call?.toolCall.id ?? '');
    await eventually('it is completed', async () => (await state()).status === 'completed');
    await eventually('nothing is left of it', async () => (await running()).length === 0);
    if (on === 'lambda') expect(worker.output).toContain(`of ${arn}`);
    const results = await engine.persistence(id, 'u').toolResults();
    expect(results.filter(({ unknown }) => unknown)).toEqual([]);
  });

  test('are refused as they are elsewhere', async () => {
    const runner = restateRunner({ ingress: server?.ingress ?? '' });
    await expect(runner.start({ userId: 'u', taskId: 'none' })).rejects.toMatchObject({
      code: 'TASK_NOT_FOUND',
    });
  });
});
