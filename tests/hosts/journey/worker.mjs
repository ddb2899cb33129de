import * as engine from 'task-execution-engine';
import { firestoreRestStore } from 'task-execution-engine/firestore';
import * as testing from 'task-execution-engine/testing';
import { asked } from './asked.mjs';
import { journey, user } from './journey.mjs';

// As apps do it: before the first request, when a worker may neither wait nor draw a random number.
engine.configureTaskExecution({ store: engine.memoryStore() });

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/') return Response.json(await asked(searchParams));
    const store = firestoreRestStore({
      projectId: searchParams.get('project'),
      host: searchParams.get('firestore'),
    });
    const host = searchParams.has('patience')
      ? patientHost(store)
      : journey(engine, testing).hostOver(store, 300).host;
    if (pathname === '/create') return Response.json(await engine.createTask(user, { title: 'Wait' }, host));
    const executor = new engine.TaskExecutor(searchParams.get('task'), user, host);
    if (pathname === '/run') await executor.start();
    if (pathname === '/pause') await executor.pause();
    const types = [];
    if (pathname === '/follow') {
      for await (const { type } of executor.events({ after: '0', until: 'ended' })) types.push(type);
    }
    const { status, outcome } = executor;
    return Response.json({ status, outcome, types, state: await executor.state() });
  },
};

/** Its model has to be asked again, its tool takes longer than its lease, and its last turn has thousands of events. */
function patientHost(store) {
  const wait = engine.tool({
    description: 'Waits.',
    inputSchema: { type: 'object' },
    async *execute() {
      yield 'waiting';
      await new Promise((resolve) => setTimeout(resolve, 8_000));
      return 'waited';
    },
  });
  const turns = [{ fail: 'throttled' }, { tools: [{ name: 'wait', input: {} }] }, 'word '.repeat(3_000)];
  const model = testing.scriptedModel(turns, { chunkSize: 5, record: false });
  return { store, model, tools: { wait }, defaults: { leaseTtlMs: 6_000 } };
}
