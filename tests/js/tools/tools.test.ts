import * as v from 'valibot';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { describeTools } from '../../../js/tools/describe.js';
import { jsonSchema, tool } from '../../../js/tools/tool.js';
import { validateInput } from '../../../js/tools/validate.js';

import type { AiSdkSchema, StandardSchema, Tool } from '../../../js/types.js';

const plain = {
  type: 'object',
  properties: { path: { type: 'string' }, depth: { type: 'integer', minimum: 1 } },
  required: ['path'],
  additionalProperties: false,
};

/** The shape of what the AI SDK's `jsonSchema()` makes. */
function aiSchema<T>(schema: object, validate?: AiSdkSchema<T>['validate']): AiSdkSchema<T> {
  return { [Symbol.for('vercel.ai.schema')]: true, _type: undefined as T, jsonSchema: schema, validate };
}

async function failure(tools: Record<string, unknown>): Promise<unknown> {
  return describeTools(tools as Record<string, Tool>).then(
    () => 'described',
    (error: unknown) => error,
  );
}

describe("a tool's input is typed", () => {
  it("from zod's schemas, from the AI SDK's and from jsonSchema<T>()", () => {
    tool({
      description: 'd',
      inputSchema: z.object({ n: z.number() }),
      execute: (input, context) => {
        expectTypeOf(input).toEqualTypeOf<{ n: number }>();
        expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>();
      },
      needsApproval: (input) => input.n > 1,
    });
    tool({
      description: 'd',
      inputSchema: aiSchema<{ s: string }>({}),
      execute: (input) => expectTypeOf(input).toEqualTypeOf<{ s: string }>(),
    });
    tool({
      description: 'd',
      inputSchema: jsonSchema<{ b: boolean }>(plain),
      execute: (input) => expectTypeOf(input).toEqualTypeOf<{ b: boolean }>(),
    });
    tool({
      description: 'd',
      inputSchema: { type: 'object', properties: { path: { type: 'string' } } },
      execute: ({ path }) => path,
    });
  });
});

describe('describing tools', () => {
  it('says what the engine needs to know, with the defaults', async () => {
    expect(await describeTools({ read_file: { description: 'Reads.', inputSchema: plain } })).toEqual([
      {
        name: 'read_file',
        description: 'Reads.',
        inputSchema: plain,
        hasExecute: false,
        gate: 'never',
        onUnknownOutcome: 'report',
        timeoutMs: 600_000,
        exclusive: false,
      },
    ]);
    const [spec] = await describeTools({
      t: {
        description: 'd',
        inputSchema: {},
        execute: () => 1,
        needsApproval: () => true,
        onUnknownOutcome: () => undefined,
        timeoutMs: Number.POSITIVE_INFINITY,
      },
    });
    expect(spec).toMatchObject({
      inputSchema: { type: 'object' },
      hasExecute: true,
      gate: 'ask',
      onUnknownOutcome: 'lookup',
      timeoutMs: Number.MAX_SAFE_INTEGER,
    });
    expect(await describeTools(undefined)).toEqual([]);
  });

  it("takes zod's schemas as they are, and the AI SDK's, also when they are promised", async () => {
    const [zod, ai] = await describeTools({
      a: {
        description: 'd',
        inputSchema: z.object({ n: z.string().transform(Number), o: z.number().optional() }),
      },
      b: { description: 'd', inputSchema: aiSchema(Promise.resolve(plain)) },
    });
    expect(zod?.inputSchema).toMatchObject({
      type: 'object',
      properties: { n: { type: 'string' } },
      required: ['n'],
    });
    expect(ai?.inputSchema).toEqual(plain);
  });

  it('asks for a JSON Schema beside where the library has none', async () => {
    const inputSchema = v.object({ path: v.string() });
    expect(await failure({ t: { description: 'd', inputSchema } })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^Tool 't': .*valibot.*jsonSchema/),
    });
    const [spec] = await describeTools({ t: { description: 'd', inputSchema, jsonSchema: plain } });
    expect(spec?.inputSchema).toEqual(plain);
    expect(await failure({ t: { description: 'd', inputSchema: z.object({ d: z.date() }) } })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/jsonSchema/),
    });
  });

  it('takes a schema that allows null beside an object', async () => {
    const inputSchema = { type: ['object', 'null'], properties: { a: {} } };
    const [said] = await describeTools({ t: { description: 'd', inputSchema } as never });
    expect(said?.inputSchema).toEqual({ type: 'object', properties: { a: {} } });
  });

  it.each([
    [{ 'no spaces': { description: 'd', inputSchema: plain } }, /64 letters/],
    [{ ['x'.repeat(65)]: { description: 'd', inputSchema: plain } }, /64 letters/],
    [{ t: null }, /not an object/],
    [{ t: { description: ' ', inputSchema: plain } }, /description/],
    [{ t: { description: 'd' } }, /inputSchema must be/],
    [{ t: { description: 'd', inputSchema: z.string() } }, /type "string"/],
    [{ t: { description: 'd', inputSchema: { type: 'object', default: 1n } } }, /not JSON: a BigInt/],
    [{ t: { description: 'd', inputSchema: plain, execute: 1 } }, /execute/],
    [{ t: { description: 'd', inputSchema: plain, needsApproval: 'yes' } }, /needsApproval/],
    [{ t: { description: 'd', inputSchema: plain, onUnknownOutcome: 'retry' } }, /onUnknownOutcome/],
    [{ t: { description: 'd', inputSchema: plain, timeoutMs: 0 } }, /timeoutMs/],
  ])('refuses what cannot work, naming the tool and the reason: %#', async (tools, reason) => {
    const name = Object.keys(tools)[0];
    expect(await failure(tools)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(reason),
      details: { tool: name },
    });
  });
});

describe('a schema that is promised and never comes', () => {
  it('is refused with the reason', async () => {
    const inputSchema = aiSchema(Promise.reject(new Error('gone')));
    expect(await failure({ t: { description: 'd', inputSchema } })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/gone/),
    });
  });
});

describe('validating input', () => {
  const withSchema = (inputSchema: Tool['inputSchema']): Tool => ({ description: 'd', inputSchema });
  const standard = (validate: StandardSchema['~standard']['validate']) =>
    withSchema({ '~standard': { version: 1, vendor: 'own', validate } });

  it('takes what matches a plain schema, and says where another does not', async () => {
    const { inputSchema } = withSchema(plain);
    expect(await validateInput(withSchema(inputSchema), { path: 'x' })).toEqual({
      ok: true,
      value: { path: 'x' },
    });
    expect(await validateInput(withSchema(inputSchema), { depth: 0, other: 1 })).toEqual({
      ok: false,
      message: expect.stringMatching(/required.*depth: .*other: /),
    });
  });

  it('hands on what the schema makes of the input', async () => {
    const schema = z.object({ n: z.string().transform(async (s) => Number(s)), d: z.number().default(7) });
    expect(await validateInput(withSchema(schema), { n: '5' })).toEqual({ ok: true, value: { n: 5, d: 7 } });
    expect(await validateInput(withSchema(schema), { n: 5 })).toEqual({
      ok: false,
      message: expect.stringMatching(/schema: n: .*string/),
    });
    expect(await validateInput(withSchema(v.object({ a: v.array(v.number()) })), { a: ['x'] })).toEqual({
      ok: false,
      message: expect.stringMatching(/a\.0: /),
    });
  });

  it("asks the AI SDK's validator, or the schema where it has none", async () => {
    const own = aiSchema<number>({}, (value) =>
      value === 1 ? { success: true, value: 2 } : { success: false, error: new Error('not one') },
    );
    expect(await validateInput(withSchema(own), 1)).toEqual({ ok: true, value: 2 });
    expect(await validateInput(withSchema(own), 3)).toMatchObject({
      message: expect.stringMatching(/not one/),
    });
    expect(await validateInput(withSchema(aiSchema(plain)), {})).toMatchObject({ ok: false });
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('boom');
      },
    ],
    [
      'throws nothing',
      () => {
        throw undefined;
      },
    ],
    ['rejects', () => Promise.reject(new Error('boom'))],
    ['returns nonsense', () => undefined as never],
  ])('fails where a validator %s', async (_, validate) => {
    expect(await validateInput(standard(validate), {})).toEqual({
      ok: false,
      message: expect.stringMatching(/could not be checked/),
    });
  });

  it('fails where the schema itself is broken', async () => {
    const broken = { type: 'object', properties: { a: { $ref: '#/nowhere' } } };
    expect(await validateInput(withSchema(broken), { a: 1 })).toMatchObject({ ok: false });
  });

  it('drowns nobody in findings', async () => {
    const issues = Array.from({ length: 100 }, (_, i) => ({ message: `bad ${i}` }));
    const result = await validateInput(
      standard(() => ({ issues })),
      {},
    );
    expect(result).toMatchObject({ message: expect.stringMatching(/bad 9 \(and 90 more\)$/) });
  });

  it('makes no code out of schemas', async () => {
    const eval_ = globalThis.Function;
    globalThis.Function = class {
      constructor() {
        throw new EvalError('blocked by CSP');
      }
    } as never;
    try {
      expect(await validateInput(withSchema({ ...plain }), { path: 'x' })).toMatchObject({ ok: true });
    } finally {
      globalThis.Function = eval_;
    }
  });
});
