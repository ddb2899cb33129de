/** JavaScript values as the REST API writes them. https://firebase.google.com/docs/firestore/reference/rest/v1/Value */

import { Kept } from '../kept.js';
import type { Look } from './foreign.js';

/** One value of a document. */
export type RestValue = Record<string, unknown>;
/** The fields of a document or of a map. */
export type RestFields = Record<string, RestValue>;

/** Encodes a value that `checkCommit` has let pass. */
export function encodeValue(value: unknown): RestValue {
  if (value instanceof Kept) {
    return value.native as RestValue;
  }
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { booleanValue: value };
    case 'number':
      // int64 is a string in JSON
      return Number.isSafeInteger(value) ? { integerValue: String(value) } : { doubleValue: value };
    default:
      break;
  }
  if (value === null || value === undefined) {
    return { nullValue: null };
  }
  if (Array.isArray(value)) {
    return { arrayValue: { values: value.map(encodeValue) } };
  }
  return { mapValue: { fields: encodeFields(value as Record<string, unknown>) } };
}

/** Encodes the fields of a document. */
export function encodeFields(data: Record<string, unknown>): RestFields {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, encodeValue(value)]));
}

/**
 * Decodes a value. What other writers may have stored and JSON does not have is read as the nearest that it has: a
 * timestamp as its ISO 8601 text, bytes as base64, a reference as its name, a point as an object, a vector as an array,
 * NaN and the infinities as null. Integers beyond 2^53 are rounded, as Google's SDK does.
 */
export function decodeValue(value: RestValue): unknown {
  const [kind, content] = entryOf(value);
  switch (kind) {
    case 'integerValue':
    case 'doubleValue': {
      // NaN and the infinities are strings in JSON
      const number = Number(content);
      return Number.isFinite(number) ? number : null;
    }
    case 'nullValue':
      return null;
    case 'arrayValue':
      return ((content as { values?: RestValue[] }).values ?? []).map(decodeValue);
    case 'mapValue': {
      const { fields } = content as { fields?: RestFields };
      const vector = vectorOf(fields);
      return vector === undefined ? decodeFields(fields) : decodeValue(vector);
    }
    case 'geoPointValue': {
      const { latitude = 0, longitude = 0 } = content as { latitude?: number; longitude?: number };
      return { latitude, longitude };
    }
    default:
      return content;
  }
}

/** Which values would not come back from JSON as they are. */
export function lookValue(value: unknown): Look {
  const [kind, content] = entryOf(value as RestValue);
  const kept = () => new Kept(value, decodeValue(value as RestValue), kind === 'timestampValue');
  switch (kind) {
    case 'nullValue':
    case 'booleanValue':
    case 'stringValue':
      return undefined;
    case 'integerValue':
      return Number.isSafeInteger(Number(content)) ? undefined : kept();
    case 'doubleValue':
      // a whole one would come back as an integer
      return Number.isFinite(Number(content)) && !Number.isSafeInteger(Number(content)) ? undefined : kept();
    case 'arrayValue':
      return { list: (content as { values?: RestValue[] }).values ?? [] };
    case 'mapValue': {
      const { fields = {} } = content as { fields?: RestFields };
      return vectorOf(fields) === undefined ? { map: fields, id: fields.id?.stringValue } : kept();
    }
    default:
      return kept();
  }
}

function entryOf(value: RestValue): [kind: string, content: unknown] {
  return Object.entries(value)[0] ?? ['nullValue', null];
}

/** A vector is a map that says so, in a name that no other map can have. */
function vectorOf(fields: RestFields | undefined): RestValue | undefined {
  return fields?.__type__?.stringValue === '__vector__' ? fields.value : undefined;
}

/** Decodes the fields of a document. A field named `__proto__` is a field like any other. */
export function decodeFields(fields: RestFields | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields ?? {}).map(([name, value]) => [name, decodeValue(value)]));
}

/** The path of a field as the API takes it: names that are no plain identifiers in backticks. */
export function fieldPath(path: string[]): string {
  return path
    .map((name) => (/^[A-Za-z_][A-Za-z_0-9]*$/.test(name) ? name : `\`${name.replace(/[\\`]/g, '\\$&')}\``))
    .join('.');
}
