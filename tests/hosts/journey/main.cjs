const engine = require('task-execution-engine');
const { sqliteStore } = require('task-execution-engine/sqlite');
const testing = require('task-execution-engine/testing');

async function main([file, taskId]) {
  const { journey } = await import('./journey.mjs');
  const { begin, resume } = journey(engine, testing);
  const store = sqliteStore(file);
  console.log(JSON.stringify(await (taskId === undefined ? begin(store) : resume(store, taskId))));
}
main(process.argv.slice(2));
