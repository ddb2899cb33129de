/**
 * The world that tools change: a process of its own, which outlives the workers. It notes what it is told, in the order
 * in which that comes in, in a file too.
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [file] = process.argv.slice(2);
const notes = [];
const keys = new Set();

createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  if (request.method === 'POST') {
    const { key, ...said } = JSON.parse(Buffer.concat(parts).toString());
    // whoever has not heard that it was noted says it again
    if (!keys.has(key)) {
      keys.add(key);
      const note = { n: notes.length, at: Date.now(), ...said };
      notes.push(note);
      appendFileSync(file, `${JSON.stringify(note)}\n`);
    }
    response.end('{}');
  } else {
    response.end(JSON.stringify(notes));
  }
}).listen(0, '127.0.0.1', function listening() {
  process.send({ host: `127.0.0.1:${this.address().port}` });
});

/** Processes that are stopped hear nothing of the end of those who stopped them. */
const stopped = new Set();
process.on('message', ({ pid, isStopped }) => {
  if (isStopped) stopped.add(pid);
  else stopped.delete(pid);
});
process.on('disconnect', () => {
  for (const pid of stopped) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it is gone
    }
  }
  process.exit();
});
