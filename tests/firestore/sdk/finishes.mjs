// Creates and runs a task over Google's SDK, and watches it, in a program that says nothing about its end.
import { Firestore } from '@google-cloud/firestore';
import { firestoreStore } from '../../../pkg/firestore.js';
import { createTaskEngine } from '../../../pkg/index.js';
import { scriptedModel } from '../../../pkg/testing.js';

const [host, projectId, what] = process.argv.slice(2);
const store = firestoreStore(new Firestore({ projectId, host, ssl: false }), { emulator: true });
const engine = createTaskEngine({ store, model: scriptedModel(['Done.']) });
const { id } = await engine.createTask('u', { title: 'T' });
const lifecycle = engine.lifecycle(id, 'u');
if (what === 'events') {
  const events = (async () => {
    for await (const event of lifecycle.events()) if (event.type === 'task:completed') break;
  })();
  await engine.executor(id, 'u').start();
  await events;
} else if (what === 'commands') {
  await lifecycle.pause();
  await lifecycle.state();
  await engine.persistence(id, 'u').delete();
} else await engine.executor(id, 'u').start();
console.log('through');
