/** Structural copies of Standard Schema and Standard JSON Schema, version 1 (https://standardschema.dev). */

/** The types that a schema stands for; there at compile time only. */
export interface StandardTypes<Input, Output> {
  readonly input: Input;
  readonly output: Output;
}

/** One thing that is wrong with a value. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** What a schema says about a value; `issues` is absent when all is well. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<StandardIssue> };

/** A schema that can validate: zod, valibot, arktype and others. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: StandardTypes<Input, Output> | undefined;
    /** Checks a value, and hands out what the schema makes of it. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
  };
}

/** A schema that can say itself as JSON Schema: zod from 4.2 on, and others. */
export interface StandardJSONSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: StandardTypes<Input, Output> | undefined;
    readonly jsonSchema: {
      /** The JSON Schema of what is put in. */
      readonly input: (options: { readonly target: string }) => Record<string, unknown>;
      /** The JSON Schema of what comes out. */
      readonly output: (options: { readonly target: string }) => Record<string, unknown>;
    };
  };
}

/** Carries the type of {@link JsonSchema}; no object has it. */
declare const described: unique symbol;

/** A plain JSON Schema object, draft 7 or 2020-12. `T`, the type of what it describes, is a claim of the caller. */
export interface JsonSchema<T = unknown> {
  readonly [keyword: string]: any;
  readonly [described]?: T;
}

/** The object that the AI SDK's `jsonSchema()` makes. */
export interface AiSdkSchema<T = unknown> {
  readonly _type: T;
  readonly jsonSchema: object | PromiseLike<object>;
  /** Checks a value; absent: the JSON Schema is what is checked. */
  readonly validate?: ((value: unknown) => AiSdkValidation<T> | PromiseLike<AiSdkValidation<T>>) | undefined;
}

/** What an AI SDK schema's `validate` says. */
export type AiSdkValidation<T> = { success: true; value: T } | { success: false; error: Error };

/** Everything that `inputSchema` of a tool takes. */
export type ToolSchema = StandardSchema | AiSdkSchema | JsonSchema;

/** The type of a tool's input: what the schema makes of the model's JSON. */
export type Infer<Schema> =
  Schema extends StandardSchema<unknown, infer Output>
    ? Output
    : Schema extends { readonly _type: infer T; readonly jsonSchema: unknown }
      ? T
      : Schema extends { readonly [described]?: infer T }
        ? unknown extends T
          ? OpenInput
          : T
        : OpenInput;

/** The input of a tool whose schema says nothing to the compiler. */
export type OpenInput = Record<string, any>;
