import { plainOf } from '../api/arguments.js';
import { agentIn } from '../api/engine.js';
import { TaskExecutionError } from '../errors.js';
import { checkId } from '../ids.js';
import { logTo } from '../log.js';
import type { StoredDocument } from '../types.js';
import { describeThrown } from '../values.js';
import { bodyOf, countOf } from './body.js';
import { begins, commands, wakes } from './commands.js';
import { SelfCall } from './continuation.js';
import { createOnce } from './create.js';
import { edit } from './edits.js';
import { checkOrigin, checkViewer, userOf } from './guard.js';
import { backendFor } from './host.js';
import { listTasks } from './listing.js';
import { limitsOf, type RouteCommand, type TaskRoutesOptions } from './options.js';
import { lastThatFit, pageBytes, withoutContent } from './pages.js';
import { noSuchTask, problem, Refusal, refusalOf } from './problem.js';
import { Rate } from './rate.js';
import { routeOf, type TaskRoute } from './route.js';
import { RouteRuns, type TaskPlace } from './runs.js';
import { EventStreams } from './stream.js';
import { viewOf } from './view.js';

/** A handler as routers of the Web's standards call it; more arguments than the request are not looked at. */
export type RouteHandler = (request: Request) => Promise<Response>;

/** What a catch-all route exports. */
export interface TaskRoutes {
  /** Lists, tasks, states, messages and event streams. */
  GET: RouteHandler;
  /** New tasks and commands. */
  POST: RouteHandler;
  /** Edits. */
  PATCH: RouteHandler;
  /** Deletes a task and all that belongs to it. */
  DELETE: RouteHandler;
}

/**
 * Handlers for tasks over HTTP. Nobody comes in whom `user` does not let in, and nobody sees a task of another.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT where the options cannot work
 */
export function createTaskRoutes(options: TaskRoutesOptions): TaskRoutes {
  if (typeof options?.user !== 'function') {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      'createTaskRoutes needs user, a function that says who asks.',
    );
  }
  const routes = new Routes(options);
  const handler: RouteHandler = (request) => routes.answer(request);
  return { GET: handler, POST: handler, PATCH: handler, DELETE: handler };
}

/** A request about one task, let in. */
export interface TaskRequest extends TaskPlace {
  request: Request;
  url: URL;
  document: StoredDocument;
}

class Routes {
  readonly #options: TaskRoutesOptions;
  readonly #basePath: string;
  readonly #self: SelfCall | undefined;
  readonly #runs: RouteRuns;
  readonly #streams: EventStreams;
  readonly #creates = new Rate(60_000);

  constructor(options: TaskRoutesOptions) {
    this.#options = options;
    this.#basePath = `/${(options.basePath ?? '/api/tasks').replace(/^\/+|\/+$/g, '')}`;
    this.#self = options.run?.continueWith === 'self' ? new SelfCall(options) : undefined;
    this.#streams = new EventStreams(options);
    this.#runs = new RouteRuns(options, this.#self);
  }

  /** Never rejects. */
  async answer(request: Request): Promise<Response> {
    try {
      return await this.#answer(request);
    } catch (thrown) {
      const { refusal, unexpected } = refusalOf(thrown);
      if (unexpected) await this.#log(request, thrown);
      return problem(refusal);
    }
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const route = routeOf(this.#basePath, request.method, url.pathname);
    const continued = route.command === 'run' ? await this.#self?.read(request, route.taskId) : undefined;
    if (continued !== undefined) return this.#continue(continued);
    if (request.method !== 'GET' && request.method !== 'HEAD') checkOrigin(request, this.#options);
    if (route.what === 'events') checkViewer(request, this.#options);
    const userId = await userOf(request, this.#options);
    if (typeof userId !== 'string') return userId;
    if (route.taskId === undefined) return this.#collection(request, url, userId);
    return this.#task(route, await this.#let(request, url, userId, route.taskId, route.command));
  }

  async #collection(request: Request, url: URL, userId: string): Promise<Response> {
    const { host } = await backendFor({ userId }, this.#options.engine);
    if (request.method !== 'POST') return json(200, await listTasks(host.store, userId, url.searchParams));
    const { bodyBytes, createsPerMinute } = limitsOf(this.#options);
    const body = await bodyOf(request, bodyBytes);
    const spend = () => this.#creates.spend(userId, createsPerMinute);
    const options = this.#options;
    const { document, replayed } = await createOnce({ host, userId, request, body, options, spend });
    const task = viewOf(document);
    const location = `${this.#basePath}/${encodeURIComponent(task.id)}`;
    return json(201, task, { location, ...(replayed && { 'idempotent-replayed': 'true' }) });
  }

  /** @throws Refusal the same where the task does not exist, and where the user may not do that */
  async #let(
    request: Request,
    url: URL,
    userId: string,
    taskId: string,
    command: RouteCommand,
  ): Promise<TaskRequest> {
    try {
      checkId('taskId', taskId);
    } catch {
      throw noSuchTask();
    }
    const { authorize } = this.#options;
    const backend = await backendFor({ userId, taskId }, this.#options.engine);
    const allowed =
      authorize === undefined || (await authorize({ userId, taskId, command, request })) === true;
    // Read in either case, so that time tells no more than the answer does.
    const [document] = await backend.host.store.read([`users/${userId}/tasks/${taskId}`]);
    if (!allowed || !document) throw noSuchTask();
    return { ...backend, userId, taskId, request, url, document };
  }

  async #task(route: TaskRoute, task: TaskRequest): Promise<Response> {
    const { engine, userId, taskId, request, document } = task;
    const { command, what } = route;
    if (command === 'edit') {
      const body = await bodyOf(request, limitsOf(this.#options).bodyBytes);
      const edited = await edit(route, task, body, this.#options, this.#runs);
      const isNew = request.method === 'POST' && !what.endsWith('complete');
      return json(isNew ? 201 : 200, viewOf(edited));
    }
    switch (what) {
      case '':
        if (command === 'read') return json(200, viewOf(document));
        await engine.persistence(taskId, userId).delete();
        return new Response(null, { status: 204 });
      case 'state':
        return json(200, await engine.lifecycle(taskId, userId).state());
      case 'events':
        return this.#streams.open(task);
      case 'messages':
        return command === 'read' ? this.#messages(task) : this.#addMessage(task);
      default:
        return this.#command(command, task);
    }
  }

  async #messages({ engine, userId, taskId, url }: TaskRequest): Promise<Response> {
    const limit = countOf(url.searchParams, 'limit', 100, 1_000);
    const before = url.searchParams.get('before') || undefined;
    const messages = await engine.persistence(taskId, userId).taskMessages();
    const end = before === undefined ? messages.length : messages.findIndex(({ id }) => id === before);
    if (end < 0) throw new Refusal(400, 'INVALID_ARGUMENT', 'before must be the id of a message.');
    const page = lastThatFit(messages.slice(Math.max(0, end - limit), end), pageBytes, withoutContent);
    const isMore = page.length < end;
    return json(200, { messages: page, total: messages.length, ...(isMore && { before: page[0]?.id }) });
  }

  /** What a user says in the thread is sent to the model too. */
  async #addMessage(task: TaskRequest): Promise<Response> {
    const { role, content, metadata } = await bodyOf(task.request, limitsOf(this.#options).bodyBytes);
    const agent = agentIn(task.engine, task.taskId, task.userId);
    const id = await agent.deposit('addMessage', plainOf('message', { role, content, metadata }));
    if (role === 'user') await this.#runs.wake(task);
    return json(201, { message_id: id });
  }

  async #command(command: RouteCommand, task: TaskRequest): Promise<Response> {
    const body = await bodyOf(task.request, limitsOf(this.#options).bodyBytes);
    if (begins.has(command)) {
      await this.#runs.begin(task, command as 'start' | 'run' | 'resume');
    } else {
      await commands[command]?.(task.engine.lifecycle(task.taskId, task.userId), body);
      if (wakes.has(command)) await this.#runs.wake(task);
    }
    return json(202, { ok: true });
  }

  async #continue({
    userId,
    taskId,
    stalls,
  }: {
    userId: string;
    taskId: string;
    stalls: number;
  }): Promise<Response> {
    const backend = await backendFor({ userId, taskId }, this.#options.engine);
    await this.#runs.begin({ ...backend, userId, taskId }, 'run', stalls);
    return json(202, { ok: true });
  }

  async #log(request: Request, thrown: unknown): Promise<void> {
    const { pathname } = new URL(request.url);
    const what = `${request.method} ${pathname} failed: ${describeThrown(thrown).message}`;
    const backend = await backendFor({ userId: '' }, this.#options.engine).catch(() => undefined);
    logTo(backend === undefined ? console : backend.host.logger, 'error', what);
  }
}

/** An answer. What is a user's own is in no cache. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  });
}
