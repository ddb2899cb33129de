/**
 * AWS Lambda with one function: its API for invocations, as Restate's own client of it calls, in front of the handler that
 * the SDK makes for Lambda. The function has the tasks of world.mjs.
 */
import './node-22.mjs';
import './world.mjs';
import { createServer } from 'node:http';
import * as restate from '@restatedev/restate-sdk/lambda';
import { taskService } from 'task-execution-engine/restate';

const { name, sliceMs } = JSON.parse(process.env.SERVE);
const handler = restate.createEndpointHandler({ services: taskService({ restate, name, sliceMs }) });

let invocations = 0;
const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const [, arn] = /^\/2015-03-31\/functions\/([^/]+)\/invocations/.exec(request.url) ?? [];
  invocations += 1;
  console.log(`invocation ${invocations} of ${decodeURIComponent(arn ?? 'nothing')}`);
  const event = JSON.parse(Buffer.concat(parts).toString());
  const result = await handler(event, { awsRequestId: String(invocations) });
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(result));
});
server.listen(0, '127.0.0.1', () => console.log(`serving on ${server.address().port}`));
