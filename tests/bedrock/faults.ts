import { type Call, frame, textTurn, toolTurn } from './endpoint.js';
import { idleMs } from './world.js';

/** What goes wrong in one attempt, when, and whether another attempt is worth it. */
export interface Fault {
  name: string;
  phase: 'before headers' | 'before the first event' | 'in the stream';
  /** The code of the failure where it is permanent; else it is tried again. */
  permanent?: string;
  inject(call: Call): Promise<void> | void;
}

/** The beginning of a turn that calls a tool, up to the middle of its input. */
const half = toolTurn('danger', { target: 'everything', really: true }, 'half').slice(0, 5);
const http = (status: number, name: string, message: string, permanent?: string): Fault => ({
  name: `HTTP ${status} ${name}`,
  phase: 'before headers',
  ...(permanent === undefined ? {} : { permanent }),
  inject: (call) => call.fail(status, name, message),
});
const later = (name: string, inject: (call: Call) => Promise<void> | void): Fault => ({
  name,
  phase: 'in the stream',
  inject: async (call) => {
    await call.events(half);
    await inject(call);
  },
});
const silent = (call: Call) => call.gone;

export const faults: Fault[] = [
  http(429, 'ThrottlingException', 'Too many tokens, please wait before trying again.'),
  http(429, 'ModelNotReadyException', 'The model is being loaded.'),
  http(500, 'InternalServerException', 'Internal server error'),
  http(503, 'ServiceUnavailableException', 'Service unavailable'),
  http(408, 'ModelTimeoutException', 'The model timed out'),
  http(424, 'ModelErrorException', 'The model failed'),
  http(400, 'ValidationException', 'The value at inferenceConfig.maxTokens is invalid.', 'MODEL_REJECTED'),
  http(403, 'AccessDeniedException', 'You do not have access to the model.', 'MODEL_DENIED'),
  http(404, 'ResourceNotFoundException', 'Could not resolve the foundation model', 'MODEL_REJECTED'),
  http(403, 'ExpiredTokenException', 'The security token has expired', 'MODEL_DENIED'),
  {
    name: 'HTTP 502 with a page of a proxy',
    phase: 'before headers',
    inject: (call) => {
      call.response.writeHead(502, { 'content-type': 'text/html' });
      call.response.end('<html><body>Bad Gateway</body></html>');
    },
  },
  { name: 'FIN', phase: 'before headers', inject: (call) => call.fin() },
  { name: 'RST', phase: 'before headers', inject: (call) => call.rst() },
  { name: 'silence', phase: 'before headers', inject: silent },
  {
    name: 'silence',
    phase: 'before the first event',
    inject: (call) => {
      call.begin();
      return call.gone;
    },
  },
  {
    name: 'exception ThrottlingException',
    phase: 'before the first event',
    inject: async (call) => {
      await call.write(frame('throttlingException', { message: 'Too many requests' }, 'exception'));
      call.end();
    },
  },
  {
    name: 'FIN',
    phase: 'before the first event',
    inject: (call) => {
      call.begin();
      call.fin();
    },
  },
  {
    name: 'exception ValidationException',
    phase: 'before the first event',
    permanent: 'MODEL_REJECTED',
    inject: async (call) => {
      await call.write(frame('validationException', { message: 'The input is malformed.' }, 'exception'));
      call.end();
    },
  },
  {
    name: 'exception that the SDK does not know',
    phase: 'before the first event',
    inject: async (call) => {
      await call.write(frame('newException', { message: 'Something new' }, 'exception'));
      call.end();
    },
  },
  {
    name: 'error frame',
    phase: 'before the first event',
    inject: async (call) => {
      await call.write(frame('InternalFailure', 'it broke', 'error'));
      call.end();
    },
  },
  {
    name: 'RST',
    phase: 'before the first event',
    inject: (call) => {
      call.begin();
      call.rst();
    },
  },
  {
    name: 'bad checksum',
    phase: 'before the first event',
    inject: async (call) => {
      const bytes = frame('messageStart', { role: 'assistant' });
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 0xff;
      await call.write(bytes);
      await call.gone;
    },
  },
  {
    name: 'clean end',
    phase: 'before the first event',
    inject: (call) => {
      call.begin();
      call.end();
    },
  },
  later('exception ModelStreamErrorException', async (call) => {
    await call.write(frame('modelStreamErrorException', { message: 'The stream broke' }, 'exception'));
    call.end();
  }),
  later('exception InternalServerException', async (call) => {
    await call.write(frame('internalServerException', { message: 'Internal' }, 'exception'));
    call.end();
  }),
  {
    ...later('exception ValidationException', async (call) => {
      await call.write(frame('validationException', { message: 'The input is malformed.' }, 'exception'));
      call.end();
    }),
    permanent: 'MODEL_REJECTED',
  },
  later('exception that the SDK does not know', async (call) => {
    await call.write(frame('newException', { message: 'Something new' }, 'exception'));
    call.end();
  }),
  later('error frame', async (call) => {
    await call.write(frame('InternalFailure', 'it broke', 'error'));
    call.end();
  }),
  later('FIN between frames', (call) => call.fin()),
  later('RST between frames', (call) => call.rst()),
  later('FIN in mid-frame', async (call) => {
    await call.write(frame('contentBlockStop', { contentBlockIndex: 1 }).slice(0, 20));
    call.fin();
  }),
  later('RST in mid-frame', async (call) => {
    await call.write(frame('contentBlockStop', { contentBlockIndex: 1 }).slice(0, 20));
    call.rst();
  }),
  later('clean end without messageStop', (call) => call.end()),
  later('bad checksum', async (call) => {
    const bytes = frame('contentBlockStop', { contentBlockIndex: 1 });
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 0xff;
    await call.write(bytes);
    await call.gone;
  }),
  later('silence between events', silent),
  later('silence in mid-frame', async (call) => {
    await call.write(frame('contentBlockStop', { contentBlockIndex: 1 }).slice(0, 20));
    await call.gone;
  }),
];

/** A stream that is alive for as long as anybody listens. */
export const endlessDrip: Pick<Fault, 'name' | 'phase' | 'inject'> = {
  name: 'a slow drip',
  phase: 'in the stream',
  inject: async (call) => {
    while (!call.closed) {
      await call.events([{ contentBlockDelta: { contentBlockIndex: 0, delta: { text: '.' } } }]);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  },
};

/** Streams that are unusual, and whole. */
export const unusual: Record<string, { send(call: Call): Promise<void>; text: string }> = {
  'a drip that takes three times as long as silence may': {
    text: '............',
    async send(call) {
      const drops = textTurn('.').flatMap((event) =>
        'contentBlockDelta' in event ? Array.from({ length: 12 }, () => event) : [event],
      );
      for (const event of drops) {
        await new Promise((resolve) => setTimeout(resolve, idleMs / 4));
        await call.events([event]);
      }
      call.end();
    },
  },
  'characters cut between chunks': {
    text: 'naïve 😀',
    async send(call) {
      call.begin();
      const bytes = Buffer.concat(
        textTurn('naïve 😀').map((event) => {
          const [[type, body]] = Object.entries(event) as [[string, unknown]];
          return frame(type, body);
        }),
      );
      for (const byte of bytes) {
        await call.write(Uint8Array.of(byte));
      }
      call.end();
    },
  },
  'interleaved blocks and a late delta': {
    text: 'one two',
    async send(call) {
      const text = (index: number, part: string) => ({
        contentBlockDelta: { contentBlockIndex: index, delta: { text: part } },
      });
      await call.events([
        { messageStart: { role: 'assistant' } },
        {
          contentBlockDelta: { contentBlockIndex: 1, delta: { reasoningContent: { text: 'Hmm' } } },
        },
        text(0, 'one'),
        {
          contentBlockDelta: { contentBlockIndex: 1, delta: { reasoningContent: { signature: 'sig' } } },
        },
        { contentBlockStop: { contentBlockIndex: 0 } },
        text(0, ' two'),
        { contentBlockStop: { contentBlockIndex: 1 } },
        { messageStop: { stopReason: 'end_turn' } },
      ]);
      call.end();
    },
  },
};
