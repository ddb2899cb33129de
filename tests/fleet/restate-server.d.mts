export class RestateServer {
  private constructor();
  static start(folder: string, env?: Record<string, string>): Promise<RestateServer>;
  readonly ingress: string;
  readonly admin: string;
  readonly pid: number | undefined;
  begin(): Promise<void>;
  kill(): Promise<void>;
  register(worker: number | object): Promise<void>;
  query(sql: string): Promise<Record<string, any>[]>;
  cancel(invocation: string): Promise<void>;
  killInvocation(invocation: string): Promise<void>;
}
