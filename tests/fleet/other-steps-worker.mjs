/** A worker for Restate as a version would be whose handler does another step first. */
import './node-22.mjs';
import './world.mjs';
import { createServer } from 'node:http2';
import * as restate from '@restatedev/restate-sdk';
import { taskService } from 'task-execution-engine/restate';

const { port, ...options } = JSON.parse(process.env.SERVE);
const [tasks, ...others] = taskService({ ...options, restate });
const { run } = tasks.object;
const changed = restate.object({
  name: tasks.name,
  options: tasks.options,
  handlers: {
    ...tasks.object,
    run: restate.handlers.object.exclusive({}, async (ctx, input) => {
      await ctx.run('first of all', () => 1);
      return run(ctx, input);
    }),
  },
});
const server = createServer(restate.createEndpointHandler({ services: [changed, ...others] }));
server.listen(port, '127.0.0.1', () => console.log(`serving on ${server.address().port}`));
