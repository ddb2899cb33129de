import { asObject, innerSchemas, isSchema, type SchemaLike, type SchemaObject } from './keywords.js';

/** Why a schema cannot be used; the message goes on "its schema … ". */
export class SchemaRefusal extends Error {}

/** Keywords that point to another schema. The dynamic ones are followed to where they point at first. */
export const pointers = ['$ref', '$dynamicRef', '$recursiveRef'] as const;

const noBase = 'schema:/';

/** Every schema in a document, and where its references lead. */
export class References {
  readonly #targets = new Map<SchemaObject, SchemaLike[]>();
  readonly #byUri = new Map<string, SchemaLike>();
  readonly #bases = new Map<SchemaObject, string>();

  /**
   * @throws SchemaRefusal for a reference that leads nowhere, for ever back to itself, or out of the document, and for
   * what stands where a schema should
   */
  constructor(root: SchemaLike) {
    this.#index(root, noBase, '');
    // Those that are pointed to may be ones that no keyword told of: the map grows while it is walked.
    for (const [schema, base] of this.#bases) this.#follow(schema, base);
    for (const schema of this.#bases.keys()) this.#refuseCircle(schema, []);
  }

  /** The objects among the schemas of the document. */
  all(): Iterable<SchemaObject> {
    return this.#bases.keys();
  }

  /** Where the schema's references lead. */
  of(schema: SchemaObject): SchemaLike[] {
    return this.#targets.get(schema) ?? [];
  }

  #index(schema: unknown, outer: string, path: string): void {
    if (!isSchema(schema)) {
      throw new SchemaRefusal(`has no schema at '${path}', where one belongs`);
    }
    if (typeof schema === 'boolean' || this.#bases.has(schema)) return;
    const id = schema.$id ?? schema.id;
    const isResource = typeof id === 'string' && !id.startsWith('#');
    const base = isResource ? resolved(id, outer) : outer;
    this.#bases.set(schema, base);
    if (isResource || path === '') this.#byUri.set(withoutFragment(base), schema);
    for (const anchor of [schema.$anchor, schema.$dynamicAnchor]) {
      if (typeof anchor === 'string') this.#byUri.set(resolved(`#${anchor}`, base), schema);
    }
    if (typeof id === 'string' && id.startsWith('#')) this.#byUri.set(resolved(id, base), schema);
    for (const inner of innerSchemas(schema)) {
      if (inner.loose && !isSchema(inner.schema)) continue;
      this.#index(inner.schema, base, path + inner.path);
    }
  }

  #follow(schema: SchemaObject, base: string): void {
    const targets: SchemaLike[] = [];
    for (const keyword of pointers) {
      const reference = schema[keyword];
      if (typeof reference === 'string') targets.push(this.#find(reference, base));
    }
    if (targets.length > 0) this.#targets.set(schema, targets);
  }

  #find(reference: string, base: string): SchemaLike {
    const uri = resolved(reference, base);
    const known = this.#byUri.get(uri.replace(/#$/, ''));
    if (known !== undefined) return known;
    const [document, fragment = ''] = uri.split('#');
    let found: unknown = this.#byUri.get(document as string);
    let inner = document as string;
    for (const step of fragment.startsWith('/') ? fragment.slice(1).split('/') : [undefined]) {
      if (found !== null && typeof found === 'object') {
        const key = step === undefined ? undefined : unescaped(step);
        inner = this.#bases.get(found as SchemaObject) ?? inner;
        found = key !== undefined && Object.hasOwn(found, key) ? Reflect.get(found, key) : undefined;
      }
    }
    if (!isSchema(found)) {
      throw new SchemaRefusal(`refers to '${reference}', where there is no schema`);
    }
    this.#index(found, inner, `/${fragment}`);
    return found;
  }

  /** One that says of a value what it says of the same value has no meaning, and no end. */
  #refuseCircle(schema: SchemaObject, within: SchemaObject[]): void {
    if (this.#sound.has(schema)) return;
    if (within.includes(schema)) {
      throw new SchemaRefusal('has a $ref that leads back to itself without going into the value');
    }
    const inner = [...innerSchemas(schema)].filter(({ same }) => same).map((each) => each.schema);
    for (const next of [...inner, ...this.of(schema)]) {
      const object = asObject(next);
      if (object !== undefined) this.#refuseCircle(object, [...within, schema]);
    }
    this.#sound.add(schema);
  }

  readonly #sound = new Set<SchemaObject>();
}

function resolved(reference: string, base: string): string {
  try {
    return new URL(reference, base).href;
  } catch {
    throw new SchemaRefusal(`has '${reference}' as an address, which is none`);
  }
}

function withoutFragment(uri: string): string {
  return uri.split('#')[0] as string;
}

function unescaped(step: string): string {
  let plain = step;
  try {
    plain = decodeURIComponent(step);
  } catch {
    // Taken as it is.
  }
  return plain.replaceAll('~1', '/').replaceAll('~0', '~');
}
