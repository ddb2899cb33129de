import type { TaskEngine } from '../api/engine.js';
import type { NewTask, TaskEvent } from '../types.js';
import type { TaskPatch } from './edits.js';

/** What is asked of one task. */
export type RouteCommand =
  | 'read'
  | 'edit'
  | 'delete'
  | 'start'
  | 'run'
  | 'resume'
  | 'pause'
  | 'stop'
  | 'approve'
  | 'reject'
  | 'answer'
  | 'send';

/** A value, now or later. */
export type Awaitable<T> = T | Promise<T>;

/** How runs that requests begin go on behind the answer. */
export interface RouteRunOptions {
  /** The platform's limit on a request, in milliseconds: runs and event streams end before it. Default: none. */
  maxDurationMs?: number | undefined;
  /** Keeps the platform from freezing the process while a run is under way: `after` of Next.js, `waitUntil`. */
  keepAlive?: ((run: Promise<unknown>) => void) | undefined;
  /**
   * Who goes on with a run that ended unfinished at `maxDurationMs`: `'self'` posts to `selfUrl`, a function gets the
   * ids. At most three times without a new turn or result in between. Default: nobody, until the sweep.
   */
  continueWith?:
    | 'self'
    | ((ids: {
        /** Whose task it is. */
        userId: string;
        /** The task that is unfinished. */
        taskId: string;
      }) => Awaitable<void>)
    | undefined;
}

/** Bounds on what one user, or one request, can take. */
export interface RouteLimits {
  /** Of a request's body. Default 1,000,000. */
  bodyBytes?: number | undefined;
  /** Event streams that a user has open on this instance. Default 20. */
  streamsPerUser?: number | undefined;
  /**
   * Of events that wait in memory for one client that reads slowly, text merged. What comes beyond is read from the journal
   * in its turn; a client that is a hundred entries behind is sent a new snapshot and goes on from there. Default 262,144.
   */
  bufferedBytes?: number | undefined;
  /** Tasks of a user at work on this instance. Default 20. */
  runningPerUser?: number | undefined;
  /** Tasks that a user makes, on this instance. Default 60. */
  createsPerMinute?: number | undefined;
}

/** The lives of event streams. */
export interface RouteStreamOptions {
  /** Milliseconds of silence before a comment keeps the connection open. Default 15,000. */
  heartbeatMs?: number | undefined;
  /** Milliseconds after which a stream ends, so that the client comes back with fresh credentials. Default 600,000. */
  lifetimeMs?: number | undefined;
}

/** What `createTaskRoutes` takes. */
export interface TaskRoutesOptions {
  /** Whose tasks the request is about; null or undefined: 401. A Response is the answer, as it is. */
  user: (request: Request) => Awaitable<string | Response | null | undefined>;
  /** Whether the user may do that; where not, the task does not exist. Default: users may do everything with their own. */
  authorize?:
    | ((asked: {
        /** Who asks. */
        userId: string;
        /** Which task is asked for. */
        taskId: string;
        /** What is asked of it. */
        command: RouteCommand;
        /** The request itself. Its body is read by the routes. */
        request: Request;
      }) => Awaitable<boolean>)
    | undefined;
  /** What a client may set in a new task. Default: title, description and milestones. */
  create?:
    | ((
        body: Record<string, unknown>,
        context: {
          /** Whose task it will be. */
          userId: string;
          /** The request itself. Its body was read: it is `body`. */
          request: Request;
        },
      ) => Awaitable<NewTask>)
    | undefined;
  /** What a client may set in a task that is there. Default: title, description and metadata. */
  edit?:
    | ((
        body: Record<string, unknown>,
        context: {
          /** Whose task it is. */
          userId: string;
          /** Which task is changed. */
          taskId: string;
          /** The request itself. Its body was read: it is `body`. */
          request: Request;
        },
      ) => Awaitable<TaskPatch>)
    | undefined;
  /** Default: the host of `configureTaskExecution`. */
  engine?: TaskEngine | undefined;
  /** Default '/api/tasks'. */
  basePath?: string | undefined;
  /** How runs go on behind the answer. */
  run?: RouteRunOptions | undefined;
  /** Where these routes are reached, for `continueWith: 'self'`: `https://app.example/api/tasks`. No header is trusted. */
  selfUrl?: string | undefined;
  /** For `continueWith: 'self'`: at least 16 characters. */
  secret?: string | undefined;
  /**
   * What a viewer sees of an event; null: nothing. Default: all of it, but of errors only what is meant for the public. It
   * is about events, those among the `facts` of a snapshot too: `state` and `messages` have what is stored.
   */
  present?:
    | ((
        event: TaskEvent,
        context: {
          /** Who views. */
          userId: string;
          /** The request that opened the stream. */
          request: Request;
        },
      ) => TaskEvent | null)
    | undefined;
  /** Origins whose pages may send requests with cookies, besides the request's own. */
  origins?: string[] | undefined;
  /**
   * How often a run that these routes begin stores the text of a turn under way, so that pages which another instance
   * serves have it too. Default: what the host's `defaults` say, else 1,000 where the store can watch; Infinity: not at all.
   */
  liveMs?: number | undefined;
  /** Bounds on what one user, or one request, can take. */
  limits?: RouteLimits | undefined;
  /** How event streams are kept. */
  stream?: RouteStreamOptions | undefined;
}

/** Limits with their defaults. */
export function limitsOf({ limits = {} }: TaskRoutesOptions): Required<{
  [Name in keyof RouteLimits]: number;
}> {
  return {
    bodyBytes: limits.bodyBytes ?? 1_000_000,
    streamsPerUser: limits.streamsPerUser ?? 20,
    bufferedBytes: limits.bufferedBytes ?? 262_144,
    runningPerUser: limits.runningPerUser ?? 20,
    createsPerMinute: limits.createsPerMinute ?? 60,
  };
}
