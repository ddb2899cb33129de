/** JavaScript values as the REST API writes them. https://firebase.google.com/docs/firestore/reference/rest/v1/Value */

/** One value of a document. */
export type RestValue = Record<string, unknown>;
/** The fields of a document or of a map. */
export type RestFields = Record<string, RestValue>;

/** Encodes a value that `checkCommit` has let pass. */
export function encodeValue(value: unknown): RestValue {
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
 * timestamp as its ISO 8601 text, bytes as base64, a reference as its name, a point as an object. Integers beyond 2^53
 * are rounded, as Google's SDK does.
 */
export function decodeValue(value: RestValue): unknown {
  const [kind, content] = Object.entries(value)[0] ?? ['nullValue', null];
  switch (kind) {
    case 'integerValue':
    case 'doubleValue':
      // NaN and the infinities are strings in JSON
      return Number(content);
    case 'nullValue':
      return null;
    case 'arrayValue':
      return ((content as { values?: RestValue[] }).values ?? []).map(decodeValue);
    case 'mapValue':
      return decodeFields((content as { fields?: RestFields }).fields);
    case 'geoPointValue': {
      const { latitude = 0, longitude = 0 } = content as { latitude?: number; longitude?: number };
      return { latitude, longitude };
    }
    default:
      return content;
  }
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
