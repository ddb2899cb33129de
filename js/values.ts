/** Any JavaScript value as JSON, and anything thrown as a description. */

const lone = /\p{Surrogate}/gu;

/** The text with every lone surrogate replaced by U+FFFD. */
export function wellFormed(text: string): string {
  return text.replace(lone, '\uFFFD');
}

/** Length in UTF-8, without making the bytes. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) {
      // each half of a surrogate pair stands for two of the four bytes
      bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
    }
  }
  return bytes;
}

/** How to make JSON of a value. */
export interface JsonOptions {
  /** Nesting of objects and arrays. Default 100. */
  maxDepth?: number;
  /** Length of the JSON text. Default 64,000,000. */
  maxLength?: number;
  /** Write binary data as `{ "$bytes": base64 }`, for content blocks, instead of refusing it. Default false. */
  bytes?: boolean;
}

/** The JSON text, absent where there is nothing to say (undefined); or why there is none, and where. */
export type JsonResult = { ok: true; json?: string } | { ok: false; reason: string };

/** Ends the walk; the message is for people. */
class Refusal extends Error {}

class Walk {
  readonly #ancestors = new Set<object>();
  readonly #path: (string | number)[] = [];
  #length = 0;

  constructor(readonly options: Required<JsonOptions>) {}

  where(): string {
    const tail = this.#path.map((step) =>
      typeof step === 'number'
        ? `[${step}]`
        : /^[\w$]+$/.test(step)
          ? `.${step}`
          : `[${JSON.stringify(wellFormed(step))}]`,
    );
    const shown = tail.length > 12 ? [...tail.slice(0, 6), '…', ...tail.slice(-4)] : tail;
    return shown.join('') === '' ? '' : ` at ${shown.join('').replace(/^\./, '')}`;
  }

  /** The value as JSON; undefined where an object leaves the member out. */
  write(value: unknown): string | undefined {
    switch (typeof value) {
      case 'undefined':
        return undefined;
      case 'boolean':
        return this.#count(String(value));
      case 'number':
        if (!Number.isFinite(value)) {
          throw new Refusal(`${value} has no JSON form`);
        }
        return this.#count(JSON.stringify(value));
      case 'string':
        this.#reserve(value.length);
        return this.#count(JSON.stringify(wellFormed(value)));
      case 'bigint':
        throw new Refusal('a BigInt has no JSON form: make it a string');
      case 'function':
        throw new Refusal('a function has no JSON form');
      case 'symbol':
        throw new Refusal('a symbol has no JSON form');
      default:
        return value === null ? this.#count('null') : this.#object(value as object);
    }
  }

  #object(value: object): string | undefined {
    if (this.#ancestors.has(value)) {
      throw new Refusal('a reference back to itself');
    }
    if (this.#ancestors.size >= this.options.maxDepth) {
      throw new Refusal(`nested more than ${this.options.maxDepth} levels deep`);
    }
    this.#ancestors.add(value);
    try {
      return this.#inside(value);
    } finally {
      this.#ancestors.delete(value);
    }
  }

  #inside(value: object): string | undefined {
    if (Array.isArray(value)) {
      return this.#array(value);
    }
    if (isArrayBuffer(value) || (ArrayBuffer.isView(value) && !isNumberArray(value))) {
      return this.#binary(value);
    }
    // by tag and not by class, so that objects of other realms are recognised
    const tag = Object.prototype.toString.call(value).slice(8, -1);
    if (tag === 'Date' && Number.isNaN(Date.prototype.getTime.call(value))) {
      throw new Refusal('an invalid date');
    }
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') {
      const own: unknown = toJSON.call(value, '');
      return own === value
        ? this.#members(Object.keys(value), (key) => Reflect.get(value, key))
        : this.write(own);
    }
    switch (tag) {
      case 'Map': {
        const map = value as Map<unknown, unknown>;
        const keys = [...Map.prototype.keys.call(map)];
        if (!keys.every((key) => typeof key === 'string')) {
          throw new Refusal('a Map with keys that are not strings: make it an array');
        }
        return this.#members(keys, (key) => Map.prototype.get.call(map, key));
      }
      case 'Set':
        return this.#array([...Set.prototype.values.call(value)]);
      case 'Number':
      case 'String':
      case 'Boolean':
      case 'BigInt':
        return this.write(value.valueOf());
      case 'RegExp':
        return this.write(String(value));
      case 'Promise':
        throw new Refusal('a promise that nobody awaited');
      case 'Error':
      case 'DOMException':
        // With its causes, which are no members that are counted.
        return this.#members(['name', 'message', ...Object.keys(value)], (key) =>
          key === 'message' ? explainThrown(value) : Reflect.get(value, key),
        );
      default:
        if (ArrayBuffer.isView(value)) {
          return this.#array(Array.from(value as unknown as ArrayLike<unknown>));
        }
        refuseOpaque(value, tag);
        return this.#members(Object.keys(value), (key) => Reflect.get(value, key));
    }
  }

  #array(items: ArrayLike<unknown>): string {
    this.#count('[]');
    const parts: string[] = [];
    for (let i = 0; i < items.length; i++) {
      this.#count(',');
      this.#path.push(i);
      parts.push(this.write(items[i]) ?? this.#count('null'));
      this.#path.pop();
    }
    return `[${parts.join(',')}]`;
  }

  #members(keys: string[], get: (key: string) => unknown): string {
    this.#count('{}');
    const parts = new Map<string, string>();
    for (const key of keys) {
      this.#path.push(key);
      const written = this.write(get(key));
      if (written !== undefined) {
        parts.set(this.#count(`${JSON.stringify(wellFormed(key))}:`), written);
      }
      this.#path.pop();
    }
    return `{${[...parts].map(([key, written]) => key + written).join(',')}}`;
  }

  #binary(value: ArrayBuffer | ArrayBufferView): string {
    if (!this.options.bytes) {
      throw new Refusal(
        'binary data has no JSON form: return text, or content(…) with an image or a document',
      );
    }
    const bytes = bytesOf(value);
    this.#reserve(bytes.length * 1.34);
    return this.#count(`{"$bytes":"${toBase64(bytes)}"}`);
  }

  /** Stops before memory does: shared references can make a small graph an endless text. */
  #reserve(length: number): void {
    if (this.#length + length > this.options.maxLength) {
      throw new Refusal(`longer than ${this.options.maxLength} characters as JSON`);
    }
  }

  #count(part: string): string {
    this.#reserve(part.length);
    this.#length += part.length;
    return part;
  }
}

// By brand and not by class, so that those of other realms are recognised.
const byteLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')?.get;
const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype);
const typedArrayName = Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag)?.get;

function isArrayBuffer(value: object): value is ArrayBuffer {
  // the getter throws for whatever else, and that takes longer than to write the value
  if (Array.isArray(value) || isPlainWithMembers(value)) return false;
  try {
    byteLength?.call(value);
    return true;
  } catch {
    return false;
  }
}

function isPlainWithMembers(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length > 0;
}

function isNumberArray(view: ArrayBufferView): boolean {
  const name: unknown = typedArrayName?.call(view);
  return name !== undefined && name !== 'Uint8Array' && name !== 'Uint8ClampedArray';
}

/** What holds its data where no member shows it; what there is of members says nothing. */
const opaque = new Set([
  'AsyncGenerator',
  'Blob',
  'File',
  'FormData',
  'Generator',
  'Headers',
  'ReadableStream',
  'Request',
  'Response',
  'TransformStream',
  'WritableStream',
]);

/** JSON would make `{}`, or nothing that means anything, of it. */
function refuseOpaque(value: object, tag: string): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  const hasMembers = Object.keys(value).length > 0;
  const isIterable = Symbol.asyncIterator in value || Symbol.iterator in value;
  if (isPlain && tag === 'Object' && (hasMembers || !isIterable)) return;
  const isStream = ['pipe', 'on'].every((method) => typeof Reflect.get(value, method) === 'function');
  if (!isStream && !opaque.has(tag) && hasMembers) return;
  const name = isStream ? 'stream' : isPlain ? 'iterable' : tag === 'Object' ? nameOfClass(prototype) : tag;
  throw new Refusal(
    `a value of type ${name} has no JSON form: return what is in it, as text or plain objects`,
  );
}

function nameOfClass(prototype: unknown): string {
  const made = peek(prototype, 'constructor');
  return typeof made === 'function' && made.name !== '' ? made.name : 'Object';
}

/** The bytes of binary data, whatever its realm and view; undefined for what is none. */
export function binaryOf(value: unknown): Uint8Array | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  return ArrayBuffer.isView(value) || isArrayBuffer(value) ? bytesOf(value) : undefined;
}

function bytesOf(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
}

/** Whether it is a `Uint8Array`, of whatever realm. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && typedArrayName?.call(value) === 'Uint8Array';
}

/** Bytes as base64, without a stack of arguments per byte. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 8_192) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 8_192));
  }
  return btoa(binary);
}

/**
 * Any value as JSON text. As `JSON.stringify` where that loses nothing: `toJSON` is called, members that are undefined
 * are left out, class instances give their own enumerable members. A Map with string keys becomes an object, a Set an
 * array, an Error its name, message and members, a RegExp its source text. Lone surrogates become U+FFFD. What JSON
 * cannot say is refused and not dropped: NaN, infinities, BigInt, functions, symbols, cycles, invalid dates, promises,
 * binary data (unless asked for), too deep, too long, and whatever throws while it is read.
 */
export function toJson(value: unknown, options: JsonOptions = {}): JsonResult {
  const walk = new Walk({ maxDepth: 100, maxLength: 64_000_000, bytes: false, ...options });
  try {
    const json = walk.write(value);
    return json === undefined ? { ok: true } : { ok: true, json };
  } catch (error) {
    const what =
      error instanceof Refusal ? error.message : `reading it threw: ${describeThrown(error).message}`;
    return { ok: false, reason: `${what}${walk.where()}` };
  }
}

/** What was thrown, in words; `status` is the HTTP status, where there was one. */
export interface ThrownDescription {
  name: string;
  message: string;
  status?: number;
  /** What the server asked for in `retry-after`. */
  retryAfterMs?: number;
}

/** Hears how it ends what a callback returned that nobody waits for; anything but a promise is left alone. Never throws. */
export function overhear(returned: unknown, rejected: (thrown: unknown) => void): void {
  if (returned === null || typeof returned !== 'object') return;
  // Not by `instanceof`: promises of other realms reject as loudly.
  const waited = async () => {
    await returned;
  };
  waited().catch(rejected);
}

/** Longer messages are cut: some carry whole responses. */
const longestMessage = 10_000;

/** A property, or undefined where reading it throws. */
function peek(value: unknown, key: string): unknown {
  try {
    return value === null || typeof value !== 'object' ? undefined : Reflect.get(value, key);
  } catch {
    // a getter that throws says nothing
    return undefined;
  }
}

/** Where SDKs keep the headers of the answer: AWS, OpenAI and Anthropic, the AI SDK, fetch. */
function headersOf(error: unknown): unknown {
  const places = [peek(error, '$response'), error, peek(error, 'response')];
  return (
    places.map((place) => peek(place, 'headers')).find((headers) => headers !== undefined) ??
    peek(error, 'responseHeaders')
  );
}

function headerOf(headers: unknown, name: string): string | undefined {
  let value: unknown;
  try {
    const get = peek(headers, 'get');
    value = typeof get === 'function' ? get.call(headers, name) : undefined;
  } catch {
    // no headers after all
  }
  value ??=
    peek(headers, name) ??
    peek(
      headers,
      name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()),
    );
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function retryAfter(error: unknown): number | undefined {
  const headers = headersOf(error);
  const isNumber = (text: string) => /^\s*\d+(\.\d+)?\s*$/.test(text);
  const exact = headerOf(headers, 'retry-after-ms');
  const value = headerOf(headers, 'retry-after');
  let ms = Number.NaN;
  if (exact !== undefined && isNumber(exact)) ms = Number(exact);
  else if (value !== undefined) ms = isNumber(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, Math.round(ms)) : undefined;
}

/** Describes anything that can be thrown, without throwing. */
export function describeThrown(thrown: unknown): ThrownDescription {
  const name = peek(thrown, 'name');
  const described: ThrownDescription = {
    name: typeof name === 'string' && name !== '' ? wellFormed(name) : 'Error',
    message: wellFormed(messageOf(thrown).slice(0, longestMessage)),
  };
  const status =
    peek(peek(thrown, '$metadata'), 'httpStatusCode') ?? peek(thrown, 'statusCode') ?? peek(thrown, 'status');
  if (typeof status === 'number' && Number.isInteger(status)) {
    described.status = status;
  }
  const wait = retryAfter(thrown);
  if (wait !== undefined) {
    described.retryAfterMs = wait;
  }
  return described;
}

/** So many causes and parts of an error are told. */
const mostCauses = 10;

/** What was thrown, with its causes and the errors that it stands for, a line each. */
export function explainThrown(thrown: unknown): string {
  const told = new Set<unknown>();
  const tell = (error: unknown): string[] => {
    if (told.has(error) || told.size >= mostCauses) return [];
    told.add(error);
    const cause = peek(error, 'cause');
    return [
      describeThrown(error).message,
      ...partsOf(error).flatMap((part) => lines('- ', tell(part))),
      ...(cause === undefined || cause === null ? [] : lines('Caused by: ', tell(cause))),
    ];
  };
  return wellFormed(tell(thrown).join('\n').slice(0, longestMessage));
}

/** Those that are told, of a list that may be a proxy which throws. */
function partsOf(error: unknown): unknown[] {
  try {
    const parts = peek(error, 'errors');
    return Array.isArray(parts) ? [...parts.slice(0, mostCauses)] : [];
  } catch {
    return [];
  }
}

function lines(mark: string, [first, ...rest]: string[]): string[] {
  return first === undefined ? [] : [mark + first, ...rest];
}

function messageOf(thrown: unknown): string {
  if (typeof thrown === 'string') {
    return thrown === '' ? 'an empty string was thrown' : thrown;
  }
  if (thrown === null || (typeof thrown !== 'object' && typeof thrown !== 'function')) {
    return `${String(thrown)} was thrown`;
  }
  const message = peek(thrown, 'message');
  if (typeof message === 'string' && message !== '') {
    return message;
  }
  const name = peek(thrown, 'name');
  if (typeof name === 'string' && name !== '') {
    return name;
  }
  const json = toJsonOfThrown(thrown);
  return json === undefined || json === '{}' ? 'an object without a message was thrown' : json;
}

function toJsonOfThrown(thrown: unknown): string | undefined {
  try {
    return JSON.stringify(thrown);
  } catch {
    // cycles, BigInt or getters that throw: nothing to show
    return undefined;
  }
}
