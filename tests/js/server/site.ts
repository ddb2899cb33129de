import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createTaskEngine } from '../../../js/api/engine.js';
import { memoryStore } from '../../../js/index.js';
import { createTaskRoutes, type TaskRoutesOptions } from '../../../js/server/index.js';
import { scriptedModel, type Turn } from '../../../js/testing/scripted-model.js';
import type { Task, TaskHost } from '../../../js/types.js';
import { taskWith } from '../api/fixtures.js';

export const origin = 'https://app.example';

/** What a request of a test says beside its path. */
export interface Asked {
  /** Default 'u'. */
  user?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Routes on a store in memory, where the user is whoever the Bearer token names. */
export function site(
  given: {
    turns?: Turn[];
    delayMs?: number;
    host?: Partial<TaskHost>;
    tasks?: Task[];
  } & Partial<TaskRoutesOptions> = {},
) {
  const { turns = [], delayMs = 0, host: more = {}, tasks = [taskWith(['Do it'])], ...options } = given;
  const lines: string[] = [];
  const logger = Object.fromEntries(
    ['debug', 'info', 'warn', 'error'].map((level) => [
      level,
      (text: string) => lines.push(`${level}: ${text}`),
    ]),
  ) as never;
  const model = scriptedModel(turns, { delayMs });
  const host: TaskHost = { store: memoryStore({ tasks }), model, logger, ...more };
  const engine = createTaskEngine(host);
  const routes = createTaskRoutes({ user: bearer, engine, ...options });
  const ask = (method: string, path: string, { user = 'u', body, headers = {} }: Asked = {}) => {
    const request = new Request(`${origin}/api/tasks${path}`, {
      method,
      headers: {
        authorization: `Bearer ${user}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return routes[method as keyof typeof routes](request);
  };
  return { host, engine, routes, ask, lines, model };
}

export function bearer(request: Request): string | null {
  return request.headers.get('authorization')?.match(/^Bearer (.+)$/)?.[1] ?? null;
}

/** The routes behind a real server; its URL ends in the base path. */
export async function serve(
  routes: ReturnType<typeof createTaskRoutes>,
  wanted = 0,
  connected: (socket: Socket) => void = () => {},
) {
  const server = createServer(async (incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    const method = incoming.method ?? 'GET';
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
      method,
      headers: incoming.headers as Record<string, string>,
      signal: gone.signal,
      ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' }),
    } as RequestInit);
    const response = await routes[method as keyof typeof routes](request);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body === null) outgoing.end();
    else {
      outgoing.flushHeaders();
      Readable.fromWeb(response.body as never)
        .on('error', () => outgoing.destroy())
        .pipe(outgoing)
        .on('close', () => void response.body?.cancel().catch(() => {}));
    }
  });
  server.on('connection', connected);
  await new Promise<void>((resolve) => server.listen(wanted, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/api/tasks`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Looks until it holds. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 5) {
    if (waited > 10_000) throw new Error('it never came to hold');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
