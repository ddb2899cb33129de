/** Bedrock's ConverseStream on this machine: the real wire format over HTTP/1.1 or HTTP/2, real rules, and faults. */
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import type { Socket } from 'node:net';
import { EventStreamCodec } from '@smithy/core/event-streams';
import type { ConverseRequest } from '../../js/types.js';
import { problemOf } from './rules.js';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString('utf8'),
  (text) => new Uint8Array(Buffer.from(text, 'utf8')),
);

/** One frame: an event, or an exception where `kind` says so. */
export function frame(
  type: string,
  body: unknown,
  kind: 'event' | 'exception' | 'error' = 'event',
): Uint8Array {
  const text = (value: string) => ({ type: 'string' as const, value });
  const headers =
    kind === 'error'
      ? { ':message-type': text('error'), ':error-code': text(type), ':error-message': text(String(body)) }
      : {
          ':message-type': text(kind),
          [kind === 'event' ? ':event-type' : ':exception-type']: text(type),
          ':content-type': text('application/json'),
        };
  const payload = kind === 'error' ? new Uint8Array() : Buffer.from(JSON.stringify(body));
  return codec.encode({ headers, body: payload } as Parameters<EventStreamCodec['encode']>[0]);
}

/** One request, and what can be done to it. */
export class Call {
  closed = false;
  readonly #gone: Promise<void>;

  constructor(
    readonly request: ConverseRequest,
    readonly modelId: string,
    readonly response: ServerResponse,
    readonly socket: Socket,
    readonly version: string,
  ) {
    this.#gone = new Promise((resolve) => {
      const gone = () => {
        this.closed = true;
        resolve();
      };
      response.on('close', gone);
      response.on('error', gone);
    });
  }

  /** Settles when the caller has closed the connection, or the stream of HTTP/2. */
  get gone(): Promise<void> {
    return this.#gone;
  }

  /** A frame, or bytes as they are. */
  async write(bytes: Uint8Array): Promise<void> {
    this.begin();
    await new Promise<void>((resolve) => this.response.write(bytes, () => resolve()));
  }

  /** The headers of a stream. */
  begin(): void {
    if (!this.response.headersSent) {
      this.response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      this.response.flushHeaders?.();
    }
  }

  async events(events: Record<string, unknown>[]): Promise<void> {
    for (const event of events) {
      const [[type, body]] = Object.entries(event) as [[string, unknown]];
      await this.write(frame(type, body));
    }
  }

  end(): void {
    this.response.end();
  }

  fail(status: number, name: string, message: string, headers: Record<string, string> = {}): void {
    this.response.writeHead(status, {
      'content-type': 'application/json',
      'x-amzn-errortype': name,
      ...headers,
    });
    this.response.end(JSON.stringify({ message }));
  }

  /** Ends the TCP connection in order, or resets it. */
  fin(): void {
    this.socket.end();
  }

  rst(): void {
    this.socket.resetAndDestroy();
  }
}

export interface Endpoint {
  url: string;
  calls: Call[];
  close(): Promise<void>;
}

/** Answers each request with the next script. A request that breaks the service's rules is refused instead. */
export async function startEndpoint(
  scripts: ((call: Call) => Promise<void> | void)[],
  version: '1.1' | '2' = '1.1',
): Promise<Endpoint> {
  const calls: Call[] = [];
  const sockets = new Set<Socket>();
  const left = [...scripts];
  const answer = async (incoming: IncomingMessage, response: ServerResponse) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of incoming) {
      chunks.push(chunk as Uint8Array);
    }
    const modelId = decodeURIComponent(
      /^\/model\/(.+)\/converse-stream$/.exec(incoming.url ?? '')?.[1] ?? '',
    );
    const request = JSON.parse(Buffer.concat(chunks).toString('utf8')) as ConverseRequest;
    const call = new Call(request, modelId, response, incoming.socket, incoming.httpVersion);
    calls.push(call);
    const problem = problemOf(request, modelId);
    if (problem !== undefined) {
      call.fail(400, 'ValidationException', problem);
      return;
    }
    const script = left.shift();
    if (script === undefined) {
      call.fail(400, 'ValidationException', 'the endpoint has no script left for this request');
      return;
    }
    await script(call);
  };
  const listener = (incoming: IncomingMessage, response: ServerResponse) => {
    answer(incoming, response).catch((error: unknown) => {
      // a connection that this script has broken
      if (!response.destroyed) {
        response.destroy(error as Error);
      }
    });
  };
  const server =
    version === '1.1'
      ? createHttp1(listener)
      : createHttp2(listener as unknown as Parameters<typeof createHttp2>[0]);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async close() {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The events of a whole turn of text. */
export function textTurn(text: string, stopReason = 'end_turn'): Record<string, unknown>[] {
  return [
    { messageStart: { role: 'assistant' } },
    { contentBlockDelta: { contentBlockIndex: 0, delta: { text } } },
    { contentBlockStop: { contentBlockIndex: 0 } },
    { messageStop: { stopReason } },
    { metadata: { usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 }, metrics: { latencyMs: 1 } } },
  ];
}

/** The events of a whole turn that calls a tool. */
export function toolTurn(name: string, input: object, toolUseId: string): Record<string, unknown>[] {
  const json = JSON.stringify(input);
  const half = Math.floor(json.length / 2);
  return [
    { messageStart: { role: 'assistant' } },
    { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'Calling.' } } },
    { contentBlockStop: { contentBlockIndex: 0 } },
    { contentBlockStart: { contentBlockIndex: 1, start: { toolUse: { toolUseId, name } } } },
    { contentBlockDelta: { contentBlockIndex: 1, delta: { toolUse: { input: json.slice(0, half) } } } },
    { contentBlockDelta: { contentBlockIndex: 1, delta: { toolUse: { input: json.slice(half) } } } },
    { contentBlockStop: { contentBlockIndex: 1 } },
    { messageStop: { stopReason: 'tool_use' } },
    { metadata: { usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 }, metrics: { latencyMs: 1 } } },
  ];
}
