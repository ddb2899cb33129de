/** A worker whose handler takes a Request and gives a Response, as on Cloudflare: node:http in front of it, and world.mjs. */
import './node-22.mjs';
import './world.mjs';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import * as restate from '@restatedev/restate-sdk/fetch';
import { taskService } from 'task-execution-engine/restate';

const { name, sliceMs } = JSON.parse(process.env.SERVE);
const handler = restate.createEndpointHandler({ services: taskService({ restate, name, sliceMs }) });

const server = createServer(async (request, response) => {
  const { method, headers, url } = request;
  const body = method === 'GET' ? {} : { body: Readable.toWeb(request), duplex: 'half' };
  const answer = await handler(new Request(new URL(url, 'http://worker'), { method, headers, ...body }));
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) response.end();
  else Readable.fromWeb(answer.body).pipe(response);
});
server.listen(0, '127.0.0.1', () => console.log(`serving on ${server.address().port}`));
