import { asObject, type SchemaObject } from './keywords.js';
import { References, SchemaRefusal } from './references.js';
import { isSame, isType, typesOf } from './values.js';

const combining = ['$ref', '$dynamicRef', '$recursiveRef', 'allOf', 'anyOf', 'oneOf'];

/**
 * The schema without a union, an intersection or a reference at its top: models refuse a request that has one there
 * (Claude: "input_schema does not support oneOf, allOf, or anyOf at the top level"). It allows all that the original
 * allows, and more; the calls are checked against the original.
 *
 * @throws SchemaRefusal where no object can match it
 */
export function flattened(schema: SchemaObject): SchemaObject {
  if (!combining.some((keyword) => keyword in schema)) return schema;
  const flat = flatten(schema, new References(schema));
  if (flat === undefined) throw new SchemaRefusal('matches no object, and the input of a tool is one');
  return withOriginal(flat, schema);
}

const intoCombining = /^#\/(?:allOf|anyOf|oneOf)\//;

/** References into what has been taken apart, as zod-to-json-schema writes them, lead into the original, kept as a definition. */
function withOriginal(flat: SchemaObject, schema: SchemaObject): SchemaObject {
  const name = 'original';
  let isNeeded = false;
  const moved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(moved);
    const object = asObject(value);
    if (object === undefined) return value;
    return Object.fromEntries(
      Object.entries(object).map(([keyword, inner]) => {
        if (keyword !== '$ref' || typeof inner !== 'string' || !intoCombining.test(inner)) {
          return [keyword, moved(inner)];
        }
        isNeeded = true;
        return [keyword, `#/$defs/${name}${inner.slice(1)}`];
      }),
    );
  };
  const there = moved(flat) as SchemaObject;
  if (!isNeeded) return flat;
  const { $defs, $schema: _, ...original } = moved(schema) as Record<string, unknown>;
  return { ...there, $defs: { ...asObject($defs), ...asObject(there.$defs), [name]: original } };
}

/** Undefined where no object matches. */
function flatten(schema: unknown, references: References): SchemaObject | undefined {
  if (schema === true) return {};
  const object = asObject(schema);
  if (object === undefined || !(typesOf(object.type)?.some((type) => isType({}, type)) ?? true))
    return undefined;
  let flat: SchemaObject | undefined = Object.fromEntries(
    Object.entries(object).filter(([keyword]) => !combining.includes(keyword)),
  );
  const together = [...references.of(object), ...listOf(object.allOf)];
  for (const each of together) flat = both(flat, flatten(each, references));
  for (const keyword of ['anyOf', 'oneOf']) {
    const alternatives = alternativesIn(listOf(object[keyword]), references);
    if (alternatives.length > 0) {
      flat = both(flat, any(alternatives.map((each) => flatten(each, references))));
    }
  }
  return flat;
}

/** An alternative that is nothing but a union is the alternatives that it has. */
function alternativesIn(alternatives: unknown[], references: References): unknown[] {
  return alternatives.flatMap((each) => {
    const object = asObject(each) ?? {};
    const [keyword, ...others] = Object.keys(object).filter((name) => !notes.includes(name));
    if (others.length > 0 || keyword === undefined) return [each];
    if (keyword === '$ref') return alternativesIn(references.of(object).slice(0, 1), references);
    const isUnion = keyword === 'anyOf' || keyword === 'oneOf';
    return isUnion ? alternativesIn(listOf(object[keyword]), references) : [each];
  });
}

/** What says nothing of the value. */
const notes = ['$comment', 'discriminator', 'title'];

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function both(a: SchemaObject | undefined, b: SchemaObject | undefined): SchemaObject | undefined {
  if (a === undefined || b === undefined) return undefined;
  const { description, ...rest } = b;
  const properties = merged([a, b], (same) => (same.length === 1 ? same[0] : { allOf: same }));
  const required = [...new Set([...listOf(a.required), ...listOf(b.required)])];
  const descriptions = [a.description, description].filter((each) => typeof each === 'string');
  return {
    ...a,
    ...rest,
    ...(a.additionalProperties === false && { additionalProperties: false }),
    ...(descriptions.length > 0 && { description: descriptions.join('\n') }),
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(required.length > 0 && { required }),
  };
}

function any(alternatives: (SchemaObject | undefined)[]): SchemaObject | undefined {
  const possible = alternatives.filter((each) => each !== undefined);
  if (possible.length === 0) return undefined;
  if (possible.length === 1) return possible[0];
  const properties = merged(possible, union);
  const required = listOf(possible[0]?.required).filter((name) =>
    possible.every((each) => listOf(each.required).includes(name)),
  );
  return {
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(required.length > 0 && { required }),
    ...(possible.every((each) => each.additionalProperties === false) && { additionalProperties: false }),
    description: `The input has one of these forms:\n${possible.map(formOf).join('\n')}`,
  };
}

/** Properties by name, each made of the different schemas that it has. */
function merged(schemas: SchemaObject[], merge: (different: unknown[]) => unknown): Record<string, unknown> {
  const found = new Map<string, unknown[]>();
  for (const schema of schemas) {
    for (const [name, property] of Object.entries(asObject(schema.properties) ?? {})) {
      const different = found.get(name) ?? [];
      found.set(name, different);
      if (!different.some((known) => isSame(known, property))) different.push(property);
    }
  }
  return Object.fromEntries([...found].map(([name, different]) => [name, merge(different)]));
}

function union(different: unknown[]): unknown {
  if (different.length === 1) return different[0];
  const values = different.map(valuesOf);
  if (values.every((each) => each !== undefined)) return { enum: [...new Set(values.flat())] };
  return { anyOf: different };
}

/** The values that a schema names, where it does nothing else. */
function valuesOf(schema: unknown): unknown[] | undefined {
  const { type: _, const: value, enum: values, ...rest } = asObject(schema) ?? { none: true };
  if (Object.keys(rest).length > 0) return undefined;
  const named = Array.isArray(values) ? values : value === undefined ? undefined : [value];
  return named?.every((each) => each === null || typeof each !== 'object') ? named : undefined;
}

/** The members of an alternative, and what is said of it. */
function formOf(schema: SchemaObject): string {
  const required = listOf(schema.required);
  const members = Object.entries(asObject(schema.properties) ?? {}).map(([name, property]) => {
    const [value, ...others] = valuesOf(property) ?? [];
    const shown = value === undefined || others.length > 0 ? name : `${name}: ${JSON.stringify(value)}`;
    return required.includes(name) ? shown : `${shown} (optional)`;
  });
  const form = `- ${members.length === 0 ? 'anything' : members.join(', ')}`;
  return typeof schema.description === 'string' ? `${form}: ${schema.description}` : form;
}
