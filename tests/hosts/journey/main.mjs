import * as engine from 'task-execution-engine';
import { sqliteStore } from 'task-execution-engine/sqlite';
import * as testing from 'task-execution-engine/testing';
import { journey } from './journey.mjs';

const [file, taskId] = process.argv.slice(2);
const { begin, resume } = journey(engine, testing);
const store = sqliteStore(file);
console.log(JSON.stringify(await (taskId === undefined ? begin(store) : resume(store, taskId))));
