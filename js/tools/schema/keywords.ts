/** A JSON Schema that is no boolean. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** A JSON Schema. */
export type SchemaLike = SchemaObject | boolean;

/** Keywords that hold one schema each, and whether it is about the value itself rather than a part of it. */
const single: Readonly<Record<string, boolean>> = {
  additionalItems: false,
  additionalProperties: false,
  contains: false,
  else: true,
  if: true,
  items: false,
  not: true,
  propertyNames: false,
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, in a table that nobody awaits
  then: true,
  unevaluatedItems: false,
  unevaluatedProperties: false,
};

const lists: Readonly<Record<string, boolean>> = {
  allOf: true,
  anyOf: true,
  items: false,
  oneOf: true,
  prefixItems: false,
};

const maps: Readonly<Record<string, boolean>> = {
  $defs: false,
  definitions: false,
  dependencies: true,
  dependentSchemas: true,
  patternProperties: false,
  properties: false,
};

/** A schema inside another. */
export interface Inner {
  schema: unknown;
  /** Keyword, and index or name, as in a JSON pointer. */
  path: string;
  /** Whether it is about the same value. */
  same: boolean;
  /** Whether anything but a schema may stand there. */
  loose: boolean;
}

/** The schemas directly inside one. */
export function* innerSchemas(schema: SchemaObject): Generator<Inner> {
  for (const [keyword, value] of Object.entries(schema)) {
    const [one, list, map] = [single, lists, maps].map((table) =>
      Object.hasOwn(table, keyword) ? table[keyword] : undefined,
    );
    if (Array.isArray(value)) {
      if (list === undefined) continue;
      for (const [i, inner] of value.entries()) {
        yield { schema: inner, path: `/${keyword}/${i}`, same: list, loose: false };
      }
    } else if (map !== undefined) {
      for (const [name, inner] of Object.entries(asObject(value) ?? {})) {
        yield { schema: inner, path: `/${keyword}/${name}`, same: map, loose: keyword === 'dependencies' };
      }
    } else if (one !== undefined) {
      yield { schema: value, path: `/${keyword}`, same: one, loose: false };
    }
  }
}

/** A copy with each schema directly inside replaced. */
export function mapInner(schema: SchemaObject, map: (inner: SchemaLike) => SchemaLike): SchemaObject {
  const mapped = (value: unknown) => (isSchema(value) ? map(value) : value);
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (Array.isArray(value)) return [keyword, Object.hasOwn(lists, keyword) ? value.map(mapped) : value];
      if (Object.hasOwn(single, keyword)) return [keyword, mapped(value)];
      const inside = Object.hasOwn(maps, keyword) ? asObject(value) : undefined;
      if (inside === undefined) return [keyword, value];
      return [
        keyword,
        Object.fromEntries(Object.entries(inside).map(([name, each]) => [name, mapped(each)])),
      ];
    }),
  );
}

/** Where the keyword's value is an object. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** What a map has under a name of its own, and not of `Object.prototype`. */
export function own(map: unknown, name: string): unknown {
  const object = asObject(map);
  return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Whether it can be a schema. */
export function isSchema(value: unknown): value is SchemaLike {
  return typeof value === 'boolean' || asObject(value) !== undefined;
}
