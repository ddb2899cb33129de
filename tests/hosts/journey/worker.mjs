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
    const { host } = journey(engine, testing).hostOver(store, 300);
    if (pathname === '/create') return Response.json(await engine.createTask(user, { title: 'Wait' }, host));
    const executor = new engine.TaskExecutor(searchParams.get('task'), user, host);
    if (pathname === '/run') await executor.start();
    if (pathname === '/pause') await executor.pause();
    return Response.json({ status: executor.status, state: await executor.state() });
  },
};
