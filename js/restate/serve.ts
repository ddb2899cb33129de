import { loadPeer } from '#peers';
import { drainTaskExecution } from '../api/drain.js';
import { TaskExecutionError } from '../errors.js';
import { describeThrown } from '../values.js';
import { isLoopback } from './addresses.js';
import type { SupervisionOptions } from './options.js';
import { type RestateService, taskService } from './service.js';

/** What `serveTasks` takes. */
export interface ServeTasksOptions extends SupervisionOptions {
  /** Default 9080; 0 for any that is free. */
  port?: number | undefined;
  /** Default 127.0.0.1. Another one needs `identityKeys`. */
  host?: string | undefined;
  /** Public keys of the Restate that may call: `publickeyv1_…`. Requests that are not signed with one are refused. */
  identityKeys?: string[] | undefined;
  /** Served beside the tasks. */
  services?: RestateService[] | undefined;
}

/** A worker that serves. */
export interface TaskServer {
  /** Where it listens. */
  port: number;
  /** Takes nothing more, has the runs of this process yield, and settles when all is closed. */
  close(options?: {
    /** Milliseconds that runs are waited for, at most. Default: until they have ended. */
    timeoutMs?: number | undefined;
  }): Promise<void>;
}

/**
 * A worker for Restate on Node: serves `taskService(options)` over HTTP/2.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT where it cannot listen, or would do so beyond this machine without identity keys
 */
export async function serveTasks(options: ServeTasksOptions = {}): Promise<TaskServer> {
  const { port = 9080, identityKeys = [], services = [] } = options;
  // As URLs have it: Node takes no brackets.
  const host = (options.host ?? '127.0.0.1').replace(/^\[(.*)\]$/, '$1');
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw refused('port', 'must be a whole number from 0 to 65535');
  }
  if (!(Array.isArray(identityKeys) && identityKeys.every((key) => /^publickeyv1_\w+$/.test(key)))) {
    throw refused('identityKeys', "must be a list of keys, each 'publickeyv1_…'");
  }
  if (!isLoopback(host) && identityKeys.length === 0) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      `A worker that listens on ${host} needs identityKeys: without them whoever reaches it runs tasks in Restate's name. ` +
        'restate-server makes a key with --request-identity-private-key-pem-file and logs its public part.',
    );
  }
  if (!('withResolvers' in Promise)) {
    throw new TaskExecutionError(
      'NOT_CONFIGURED',
      `Restate's SDK needs Node 22 or later; this is ${process.versions.node}.`,
    );
  }
  const [{ createServer }, restate] = await Promise.all([import('node:http2'), loadSdk()]);
  const handler = restate.createEndpointHandler({
    services: [...taskService({ ...options, restate }), ...services],
    ...(identityKeys.length > 0 && { identityKeys }),
  });
  const server = createServer(handler);
  const sessions = new Set<{ close(): void; destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const why = describeThrown(cause).message;
      reject(new TaskExecutionError('INVALID_ARGUMENT', `serveTasks cannot listen: ${why}.`, { cause }));
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    async close({ timeoutMs } = {}) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // No new request comes in, and what is under way gives its task up.
      for (const session of sessions) session.close();
      await drainTaskExecution(timeoutMs === undefined ? {} : { timeoutMs });
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

function refused(argument: string, what: string): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `serveTasks: ${argument} ${what}.`, {
    details: { argument },
  });
}

async function loadSdk(): Promise<typeof import('@restatedev/restate-sdk')> {
  try {
    return (await loadPeer('@restatedev/restate-sdk')) as typeof import('@restatedev/restate-sdk');
  } catch (cause) {
    throw new TaskExecutionError(
      'NOT_CONFIGURED',
      'serveTasks needs @restatedev/restate-sdk. Install it: npm install @restatedev/restate-sdk',
      { cause },
    );
  }
}
