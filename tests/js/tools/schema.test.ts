import { Validator } from '@cfworker/json-schema';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Schema } from '../../../js/tools/schema/schema.js';

async function issues(schema: unknown, value: unknown): Promise<string[]> {
  return (await new Schema(schema).check(value)).map(({ at, message }) =>
    at === '' ? message : `${at}: ${message}`,
  );
}

describe('a schema says what is wrong, and where', () => {
  it.each<[string, unknown, unknown, string[]]>([
    ['a type', { type: 'string' }, 1, ['must be string, but is number']],
    ['types', { type: ['string', 'null'] }, [], ['must be string or null, but is array']],
    [
      'a type, of what is written as JSON once too often',
      { properties: { todos: { type: 'array' }, n: { type: 'number' } } },
      { todos: '[{"a":1}]', n: '1' },
      [
        'todos: must be array, but is string: give it as JSON, not as a text',
        'n: must be number, but is string',
      ],
    ],
    ['an integer', { type: 'integer' }, 1.5, ['must be integer, but is number']],
    ['false', { properties: { a: false } }, { a: 1 }, ['a: is not allowed']],
    ['const', { const: { a: [1, 2] } }, { a: [2, 1] }, ['must be {"a":[1,2]}']],
    ['enum', { enum: ['a', 1] }, 'b', ['must be one of ["a",1]']],
    ['minimum', { minimum: 1, maximum: 3 }, 0, ['must be at least 1']],
    ['maximum', { minimum: 1, maximum: 3 }, 4, ['must be at most 3']],
    [
      'exclusive bounds',
      { exclusiveMinimum: 1, exclusiveMaximum: 1 },
      1,
      ['must be above 1', 'must be below 1'],
    ],
    ['those of draft 4', { minimum: 1, exclusiveMinimum: true }, 1, ['must be above 1']],
    ['multipleOf', { multipleOf: 0.1 }, 0.35, ['must be a multiple of 0.1']],
    ['minLength, in characters', { minLength: 2 }, '😀', ['must have at least 2 characters']],
    ['maxLength', { maxLength: 1 }, 'ab', ['must have at most 1 characters']],
    ['pattern', { pattern: '^a' }, 'ba', ['must match the pattern ^a']],
    ['format', { format: 'date' }, '2023-02-29', ['must be a valid date']],
    ['minItems', { minItems: 1 }, [], ['must have at least 1 items']],
    ['maxItems', { maxItems: 0 }, [1], ['must have at most 0 items']],
    ['items', { items: { type: 'number' } }, [1, 'a'], ['1: must be number, but is string']],
    [
      'prefixItems',
      { prefixItems: [{ type: 'number' }], items: false },
      ['a', 1],
      ['0: must be number, but is string', '1: is not allowed'],
    ],
    ['items in a list', { items: [true], additionalItems: false }, [1, 2], ['1: is not allowed']],
    [
      'uniqueItems',
      { uniqueItems: true },
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      ['must not have equal items'],
    ],
    ['contains', { contains: { const: 1 } }, [2], ['must contain at least 1 of the items asked for']],
    [
      'maxContains',
      { contains: { const: 1 }, maxContains: 1 },
      [1, 1],
      ['must contain at most 1 of the items asked for'],
    ],
    ['required', { required: ['a'] }, {}, ["'a' is required"]],
    [
      'required names that every object has',
      { required: ['constructor'] },
      {},
      ["'constructor' is required"],
    ],
    ['minProperties', { minProperties: 1 }, {}, ['must have at least 1 members']],
    ['maxProperties', { maxProperties: 0 }, { a: 1 }, ['must have at most 0 members']],
    ['propertyNames', { propertyNames: { maxLength: 1 } }, { ab: 1 }, ['ab: must have at most 1 characters']],
    ['patternProperties', { patternProperties: { '^a': false } }, { ab: 1 }, ['ab: is not allowed']],
    [
      'additionalProperties',
      { properties: { a: true }, additionalProperties: false },
      { toString: 1 },
      ['toString: is not allowed'],
    ],
    ['dependentRequired', { dependentRequired: { a: ['b'] } }, { a: 1 }, ["'b' is required where 'a' is"]],
    ['dependentSchemas', { dependentSchemas: { a: { required: ['b'] } } }, { a: 1 }, ["'b' is required"]],
    ['dependencies', { dependencies: { a: ['b'] } }, { a: 1 }, ["'b' is required where 'a' is"]],
    ['allOf', { allOf: [{ minimum: 1 }, { maximum: -1 }] }, 0, ['must be at least 1', 'must be at most -1']],
    ['oneOf', { oneOf: [{ minimum: 1 }, { minimum: 2 }] }, 3, ['must match only one of the alternatives']],
    ['not', { not: { type: 'number' } }, 1, ['is what it must not be']],
    // biome-ignore lint/suspicious/noThenProperty: a keyword
    ['if, then', { if: { minimum: 5 }, then: { maximum: 6 }, else: false }, 7, ['must be at most 6']],
    // biome-ignore lint/suspicious/noThenProperty: a keyword
    ['if, else', { if: { minimum: 5 }, then: true, else: { maximum: 1 } }, 2, ['must be at most 1']],
    ['$ref', { $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }, 1, ['must be string, but is number']],
    ['$ref with escapes', { $ref: '#/$defs/a~1b%25', $defs: { 'a/b%': { const: 1 } } }, 2, ['must be 1']],
    [
      '$ref to an anchor',
      { items: { $ref: '#x' }, $defs: { a: { $anchor: 'x', const: 1 } } },
      [2],
      ['0: must be 1'],
    ],
    [
      '$ref by $id',
      { $id: 'https://a.example/s', items: { $ref: 'item' }, $defs: { a: { $id: 'item', const: 1 } } },
      [2],
      ['0: must be 1'],
    ],
    [
      '$ref to where no keyword points',
      { $ref: '#/components/a', components: { a: { const: 1 } } },
      2,
      ['must be 1'],
    ],
    [
      'what stands beside a $ref',
      { $ref: '#/$defs/a', minimum: 5, $defs: { a: { maximum: 1 } } },
      3,
      ['must be at most 1', 'must be at least 5'],
    ],
    [
      'what stands there in draft 7',
      {
        $schema: 'http://json-schema.org/draft-07/schema#',
        $ref: '#/definitions/a',
        minimum: 5,
        definitions: { a: { maximum: 1 } },
      },
      3,
      ['must be at most 1'],
    ],
    [
      'a tree',
      { properties: { kids: { items: { $ref: '#' } }, n: { type: 'number' } } },
      { kids: [{ kids: [{ n: 'x' }] }] },
      ['kids.0.kids.0.n: must be number, but is string'],
    ],
    [
      'unevaluatedProperties',
      { allOf: [{ properties: { a: true } }], unevaluatedProperties: false },
      { a: 1, b: 2 },
      ['b: is not allowed'],
    ],
    [
      'unevaluatedItems',
      { anyOf: [{ prefixItems: [true] }], unevaluatedItems: false },
      [1, 2],
      ['1: is not allowed'],
    ],
  ])('%s', async (_, schema, value, expected) => {
    expect(await issues(schema, value)).toEqual(expected);
  });

  it('of the alternatives, by the one that was meant', async () => {
    const shape = (kind: string, field: string) => ({
      properties: { kind: { const: kind }, [field]: { type: 'number' }, at: { type: 'number' } },
      required: ['kind', field, 'at'],
    });
    const schema = { oneOf: [shape('circle', 'radius'), shape('square', 'side')] };
    expect(await issues(schema, { kind: 'square', radius: 1 })).toEqual([
      "'side' is required",
      "'at' is required",
    ]);
  });
});

describe('a format', () => {
  it.each([
    ['date', ['2024-02-29'], ['2023-02-29', '2024-13-01', '24-01-01', '']],
    ['time', ['12:00:00Z', '23:59:60.5+02:00'], ['24:00:00Z', '12:00:00', '12:60:00Z']],
    [
      'date-time',
      ['2024-01-31T12:00:00Z', '2024-01-31t12:00:00.123-05:30'],
      ['2024-01-31', '2024-01-31T12:00:00', '2024-01-32T12:00:00Z'],
    ],
    ['duration', ['P1D', 'PT36H', 'P1Y2M3DT4H5M6S', 'P2W'], ['P', 'PT', '1D', 'P1W2D']],
    [
      'email',
      ['a@b.example', 'first.last+tag@sub.example.org', '"a b"@c.example'],
      ['a', '@b', 'a@', 'a b@c.example', 'a@-b.example'],
    ],
    ['hostname', ['a', 'sub.example.org'], ['-a', 'a..b', 'a_b', `${'a'.repeat(64)}.org`]],
    ['ipv4', ['127.0.0.1', '255.255.255.255'], ['256.0.0.1', '1.2.3', '1.2.3.4.']],
    ['ipv6', ['::1', '2001:db8::ff00:42:8329', '::ffff:1.2.3.4'], ['1', ':::', '12345::', 'g::']],
    [
      'uri',
      ['https://a.example/x?y#z', 'urn:isbn:1', 'http://localhost:3000'],
      ['/x', 'a.example', 'http://a b', 'https://'],
    ],
    ['url', ['https://a.example/x'], ['a.example', '']],
    ['uri-reference', ['/x', '#a', 'https://a.example'], ['a b', '\\x']],
    ['uuid', ['123e4567-e89b-12d3-a456-426614174000'], ['123e4567e89b12d3a456426614174000', 'x']],
    ['json-pointer', ['', '/a/0', '/a~1b'], ['a', '/a~2']],
    ['relative-json-pointer', ['0', '1/a', '2#'], ['/a', '01', 'a']],
    ['regex', ['^a+$'], ['(']],
    ['anything-else', ['x'], []],
  ])('%s', async (format, good, bad) => {
    for (const text of good) expect([text, await issues({ format }, text)]).toEqual([text, []]);
    for (const text of bad)
      expect([text, await issues({ format }, text)]).toEqual([text, [`must be a valid ${format}`]]);
  });
});

describe('a schema that cannot be used is refused', () => {
  it.each([
    [{ properties: { a: { $ref: '#/nowhere' } } }, /refers to '#\/nowhere', where there is no schema/],
    [{ $ref: 'https://elsewhere.example/schema' }, /where there is no schema/],
    [{ $ref: '#' }, /leads back to itself/],
    [
      { allOf: [{ $ref: '#/$defs/a' }], $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }] } } },
      /leads back to itself/,
    ],
    [{ type: 'strng' }, /no type 'strng'/],
    [{ properties: { a: 'string' } }, /no schema at '\/properties\/a'/],
    [{ items: { pattern: '(' } }, /pattern, \(, that is no regular expression/],
    [{ patternProperties: { '[': true } }, /pattern, \[, that is no regular/],
  ])('%#', (schema, reason) => {
    expect(() => new Schema(schema)).toThrow(reason);
  });
});

describe('a check ends, and keeps nobody waiting', () => {
  async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
    let turns = 0;
    let done = false;
    const others = (async () => {
      for (; !done; turns++) await new Promise((resolve) => void setImmediate(() => resolve(undefined)));
    })();
    await work().finally(() => {
      done = true;
    });
    await others;
    return turns;
  }
  const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) });
  const many = Array.from({ length: 100_000 }, (_, i) => ({ i }));
  const wide = Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`k${(i * 7_919) % 40_000}`, i]));

  it.each<[string, unknown, unknown]>([
    ['of addresses without a dot', { format: 'url' }, `http://${'a'.repeat(300_000)}`],
    ['of e-mail addresses', { format: 'email' }, `${'a.'.repeat(100_000)}@${'a.'.repeat(100_000)}`],
    ['of durations', { format: 'duration' }, `P${'1'.repeat(300_000)}`],
    ['of many items that must not be equal', { uniqueItems: true }, many],
    [
      'of alternatives inside alternatives',
      {
        anyOf: [
          { properties: { a: { $ref: '#' } }, required: ['x'] },
          { properties: { a: { $ref: '#' } }, required: ['y'] },
        ],
      },
      deep(95),
    ],
    ['of properties in a regular expression', { format: 'regex' }, '\\p{L}'.repeat(100_000)],
    ['of an object where values are named', { enum: [1, { a: 1 }], const: { a: 1 } }, wide],
    ['of two long objects that must not be equal', { uniqueItems: true }, [wide, { ...wide }]],
    ['of an item that is nowhere', { contains: { const: { a: 1 } } }, many],
    [
      'of members that many alternatives may have judged',
      {
        anyOf: Array.from({ length: 10 }, (_, i) => ({ properties: { [`k${i}`]: true } })),
        unevaluatedProperties: { type: 'number' },
      },
      wide,
    ],
    [
      'of long enums',
      { items: { enum: Array.from({ length: 1_000 }, (_, i) => ({ no: i })) } },
      many.slice(0, 3_000),
    ],
  ])('%s', async (_, schema, value) => {
    await turnsDuring(async () => new Schema(schema).check(value));
  });

  it.each<[string, unknown, unknown]>([
    ['of members of many items', { items: { properties: { i: { type: 'number' } } } }, many],
    ['of long objects that must not be equal', { uniqueItems: true }, [wide, { ...wide }]],
    [
      'of what alternatives have judged',
      { anyOf: [{ properties: {} }, { additionalProperties: true }], unevaluatedProperties: false },
      wide,
    ],
    ['of a counted repetition', { pattern: '(?:a{20,50000}){20,50}b' }, 'a'.repeat(50_000)],
  ])('while it takes its time: %s', async (_, schema, value) => {
    expect(await turnsDuring(() => new Schema(schema).check(value))).toBeGreaterThan(20);
  });

  it('with an error where the schema multiplies what there is to do', async () => {
    const patterns = Array.from({ length: 2_000 }, (_, i) => ({ pattern: `(?=(?:a|b|c)*${i})z` }));
    await expect(new Schema({ allOf: patterns }).check('abc'.repeat(30_000))).rejects.toThrow(
      /too long to check/,
    );
  }, 60_000);
});

// Not on unevaluatedProperties, where it lets one branch see what another has judged, nor on uniqueItems, where it takes
// [] for {}.
describe('another implementation agrees', () => {
  it('on random schemas and values', async () => {
    const { schema } = fc.letrec<{ schema: object }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom(
          {},
          { type: 'string' },
          { type: 'number' },
          { type: 'integer' },
          { type: ['array', 'null'] },
          { type: 'object' },
          { const: 1 },
          { enum: ['a', null, [1]] },
          { minLength: 2 },
          { pattern: '^a' },
          { minimum: 1 },
          { exclusiveMaximum: 2 },
          { maxItems: 1 },
          { required: ['a'] },
          { maxProperties: 1 },
          { multipleOf: 2 },
        ),
        fc.record({
          properties: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema'), { maxKeys: 2 }),
          additionalProperties: fc.oneof(fc.boolean(), tie('schema')),
        }),
        fc.record(
          { prefixItems: fc.array(tie('schema'), { maxLength: 2, minLength: 1 }), items: tie('schema') },
          { requiredKeys: [] },
        ),
        fc.record({ allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
        fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
        fc.record({ oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
        fc.record({ not: tie('schema') }),
        // biome-ignore lint/suspicious/noThenProperty: a keyword
        fc.record({ if: tie('schema'), then: tie('schema'), else: tie('schema') }),
        fc.record({ contains: tie('schema'), minContains: fc.nat(2) }, { requiredKeys: ['contains'] }),
      ) as fc.Arbitrary<object>,
    }));
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 2 },
        fc.constantFrom(null, true, 0, 1, 2, 1.5, 'a', 'ab', 'b'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(schema, value, async (s, v) => {
        expect((await issues(s, v)).length === 0).toBe(new Validator(s, '2020-12').validate(v).valid);
      }),
      { numRuns: 3_000 },
    );
  });
});
