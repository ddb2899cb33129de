import type { RouteCommand } from './options.js';
import { Refusal } from './problem.js';

/** A request about one task. */
export interface TaskRoute {
  taskId: string;
  command: RouteCommand;
  /** What lies below the task, names of the plan as `*`; '' for the task itself. */
  what: string;
  /** The names of the plan, the milestone's first. */
  names: string[];
}

/** What a path and a method ask for: a task, or all of a user's. */
export type Route = TaskRoute | { [Field in keyof TaskRoute]?: undefined };

const commands = ['start', 'run', 'resume', 'pause', 'stop', 'approve', 'reject', 'answer', 'send'];

/** What lies below a task, by method. */
const below: Record<string, Record<string, RouteCommand>> = {
  '': { GET: 'read', PATCH: 'edit', DELETE: 'delete' },
  state: { GET: 'read' },
  events: { GET: 'read' },
  messages: { GET: 'read', POST: 'send' },
  status: { PATCH: 'edit' },
  progress: { PATCH: 'edit' },
  milestones: { POST: 'edit' },
  'milestones/*': { PATCH: 'edit' },
  'milestones/*/complete': { POST: 'edit' },
  'milestones/*/items': { POST: 'edit' },
  'milestones/*/items/*': { PATCH: 'edit' },
  'milestones/*/items/*/complete': { POST: 'edit' },
  ...Object.fromEntries(commands.map((name) => [name, { POST: name as RouteCommand }])),
};

/**
 * Finds the route of a request.
 *
 * @throws Refusal 404 or 405
 */
export function routeOf(basePath: string, given: string, pathname: string): Route {
  const method = given === 'HEAD' ? 'GET' : given;
  const [taskId, ...rest] = segmentsOf(basePath, pathname);
  if (taskId === undefined) {
    if (method !== 'GET' && method !== 'POST') throw notAllowed(['GET', 'POST']);
    return {};
  }
  const isName = (at: number) => rest[0] === 'milestones' && (at === 1 || (at === 3 && rest[2] === 'items'));
  const names = rest.filter((_, at) => isName(at));
  const what = rest.map((segment, at) => (isName(at) ? '*' : segment)).join('/');
  const methods = Object.hasOwn(below, what) ? below[what] : undefined;
  if (methods === undefined) throw new Refusal(404, 'NOT_FOUND', 'There is no such route.');
  const command = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (command === undefined) throw notAllowed(Object.keys(methods));
  return { taskId, command, what, names };
}

/** The decoded segments behind the base path. */
function segmentsOf(basePath: string, pathname: string): string[] {
  const inside = basePath === '/' || pathname === basePath || pathname.startsWith(`${basePath}/`);
  const rest = basePath === '/' ? pathname : pathname.slice(basePath.length);
  try {
    if (inside) return rest.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    // No text is spelt like that.
  }
  throw new Refusal(404, 'NOT_FOUND', 'There is no such route.');
}

function notAllowed(methods: string[]): Refusal {
  const allow = methods.join(', ');
  return new Refusal(405, 'METHOD_NOT_ALLOWED', `Only ${allow} here.`, { allow });
}
