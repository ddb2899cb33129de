import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { flattened } from '../../../js/tools/schema/flatten.js';
import { References } from '../../../js/tools/schema/references.js';

describe('a schema with a union at its top is told to the model as one object', () => {
  it('with the discriminator as an enum, and every form in words', () => {
    const schema = z.toJSONSchema(
      z.discriminatedUnion('action', [
        z.object({ action: z.literal('open'), path: z.string(), mode: z.string().optional() }),
        z.object({ action: z.literal('close'), id: z.number() }),
      ]),
    );
    expect(flattened(schema as never)).toEqual({
      $schema: expect.any(String),
      properties: {
        action: { enum: ['open', 'close'] },
        path: { type: 'string' },
        mode: { type: 'string' },
        id: { type: 'number' },
      },
      required: ['action'],
      additionalProperties: false,
      description:
        'The input has one of these forms:\n- action: "open", path, mode (optional)\n- action: "close", id',
    });
  });

  it('through references, keeping the definitions that it uses', () => {
    const $defs = {
      a: { type: 'object', properties: { x: { type: 'string' } }, required: ['x'] },
      b: { properties: { x: { type: 'number' } } },
    };
    expect(flattened({ anyOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/b' }], $defs })).toEqual({
      $defs,
      properties: { x: { anyOf: [{ type: 'string' }, { type: 'number' }] } },
      description: expect.stringMatching(/- x\n- x \(optional\)$/),
    });
  });

  it('and so is an intersection, and a reference', () => {
    expect(
      flattened({
        allOf: [
          { properties: { a: { minimum: 1 } }, required: ['a'] },
          { properties: { a: { maximum: 2 }, b: {} }, required: ['b'] },
        ],
      }),
    ).toEqual({
      properties: { a: { allOf: [{ minimum: 1 }, { maximum: 2 }] }, b: {} },
      required: ['a', 'b'],
    });
    const $defs = { a: { type: 'object', additionalProperties: false } };
    expect(flattened({ $ref: '#/$defs/a', $defs })).toMatchObject({ type: 'object', $defs });
  });

  it('with the forms of unions inside it, and what is said of each', () => {
    const schema = z.toJSONSchema(
      z.union([
        z.discriminatedUnion('kind', [
          z.object({ kind: z.literal('a') }).describe('Does A.'),
          z.object({ kind: z.literal('b'), n: z.number() }),
        ]),
        z.object({ kind: z.literal('c') }).describe('Does C.'),
      ]),
    );
    expect(flattened(schema as never).description).toBe(
      'The input has one of these forms:\n- kind: "a": Does A.\n- kind: "b", n\n- kind: "c": Does C.',
    );
  });

  it('in which references into the union lead where they led', () => {
    const name = { type: 'string', minLength: 2 };
    const flat = flattened({
      anyOf: [
        { type: 'object', properties: { from: name } },
        { type: 'object', properties: { to: { $ref: '#/anyOf/0/properties/from' } } },
      ],
      $defs: { other: true },
    });
    expect(flat).toMatchObject({ properties: { to: { $ref: '#/$defs/original/anyOf/0/properties/from' } } });
    expect(flat.$defs).toMatchObject({
      other: true,
      original: {
        anyOf: [
          { properties: { from: name } },
          { properties: { to: { $ref: expect.stringMatching(/original/) } } },
        ],
      },
    });
    expect(() => new References(flat)).not.toThrow();
  });

  it('without the alternatives that no object fits', () => {
    expect(flattened({ type: 'object', anyOf: [{ type: 'string' }, { properties: { a: {} } }] })).toEqual({
      type: 'object',
      properties: { a: {} },
    });
    expect(() => flattened({ anyOf: [{ type: 'string' }, false] })).toThrow(/matches no object/);
  });

  it('and one without stays what it is', () => {
    const schema = { type: 'object', properties: { a: { anyOf: [{}, {}] } } };
    expect(flattened(schema)).toBe(schema);
  });
});
