import { type AllowedValues, type Compiled, Evaluation, type Issue } from './evaluate.js';
import { asObject, type SchemaLike, type SchemaObject } from './keywords.js';
import { Pattern } from './pattern.js';
import { PatternRefusal } from './pattern-syntax.js';
import { References, SchemaRefusal } from './references.js';
import { typeNames, typesOf } from './values.js';
import { Meter, perform } from './work.js';

export { SchemaRefusal } from './references.js';

/**
 * A JSON Schema, draft 4 to 2020-12, ready to check values. Whatever the value, the event loop gets its turn every few
 * milliseconds, and a check ends: patterns are matched in linear time, each part of the value is looked at once by each
 * part of the schema.
 */
export class Schema {
  readonly #root: SchemaLike;
  readonly #references: References;
  readonly #patterns = new Map<string, Pattern>();
  readonly #values = new Map<SchemaObject, ReturnType<Compiled['values']>>();
  readonly #judges: boolean;
  readonly #hidesBesideReferences: boolean;

  /** @throws SchemaRefusal for a schema that cannot be used, with what is wrong with it */
  constructor(root: unknown) {
    this.#root = root as SchemaLike;
    this.#references = new References(this.#root);
    const all = [...this.#references.all()];
    for (const schema of all) this.#prepare(schema);
    this.#judges = all.some((schema) => 'unevaluatedProperties' in schema || 'unevaluatedItems' in schema);
    this.#hidesBesideReferences = /draft-0[467]/.test(String(asObject(root)?.$schema));
  }

  #prepare(schema: SchemaObject): void {
    const strange = typesOf(schema.type)?.find((type) => !typeNames.includes(type));
    if (strange !== undefined) {
      throw new SchemaRefusal(`knows no type '${strange}': there are ${typeNames.join(', ')}`);
    }
    this.#values.set(schema, {
      enum: Array.isArray(schema.enum) ? allowed(schema.enum) : undefined,
      const: schema.const === undefined ? undefined : allowed([schema.const]),
    });
    const patterns = Object.keys(asObject(schema.patternProperties) ?? {});
    if (typeof schema.pattern === 'string') patterns.push(schema.pattern);
    for (const source of patterns) {
      if (this.#patterns.has(source)) continue;
      try {
        this.#patterns.set(source, new Pattern(source));
      } catch (thrown) {
        if (!(thrown instanceof PatternRefusal)) throw thrown;
        throw new SchemaRefusal(`has a pattern, ${source}, that ${thrown.message}`);
      }
    }
  }

  /**
   * What is wrong with a JSON value: nothing where it fits.
   *
   * @throws TooMuchWork after a few seconds
   */
  check(value: unknown): Promise<Issue[]> {
    const meter = new Meter();
    const compiled = {
      root: this.#root,
      patterns: this.#patterns,
      values: (schema: SchemaObject) => this.#values.get(schema) ?? {},
      targets: (schema: SchemaObject) => this.#references.of(schema),
      judges: this.#judges,
      hidesBesideReferences: this.#hidesBesideReferences,
    };
    return perform(new Evaluation(compiled, meter).issues(value), meter);
  }
}

function allowed(values: unknown[]): AllowedValues {
  const isSimple = (value: unknown) => value === null || typeof value !== 'object';
  return { simple: new Set(values.filter(isSimple)), others: values.filter((value) => !isSimple(value)) };
}
