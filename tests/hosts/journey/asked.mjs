import * as engine from 'task-execution-engine';
import { firestoreRestStore } from 'task-execution-engine/firestore';
import * as testing from 'task-execution-engine/testing';
import { journey } from './journey.mjs';

const { begin, resume } = journey(engine, testing);

/** Does what a query asks for, in the Firestore that it names. */
export function asked(query) {
  const store = firestoreRestStore({
    projectId: query.get('project'),
    host: query.get('firestore'),
    timeoutMs: 60_000,
  });
  const taskId = query.get('task');
  return taskId === null ? begin(store) : resume(store, taskId);
}
