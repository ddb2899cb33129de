import type { Meter, Work } from './work.js';

/** The types that JSON Schema knows. */
export const typeNames: readonly string[] = [
  'array',
  'boolean',
  'integer',
  'null',
  'number',
  'object',
  'string',
];

/** The types that a `type` keyword names; undefined where it names none. */
export function typesOf(type: unknown): string[] | undefined {
  if (typeof type === 'string') return [type];
  return Array.isArray(type) && type.every((each) => typeof each === 'string') ? type : undefined;
}

/** The type of a JSON value, numbers undivided. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** Whether a JSON value is of a type that JSON Schema knows. */
export function isType(value: unknown, type: string): boolean {
  return type === 'integer' ? Number.isInteger(value) : typeName(value) === type;
}

/** Whether two JSON values are equal, whatever the order of their members. Looks at no more than the smaller one. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    const lists = Array.isArray(a) && Array.isArray(b) && a.length === b.length;
    return lists && a.every((each, i) => isSame(each, b[i]));
  }
  const [names, others] = [Object.keys(a), Object.keys(b)];
  return (
    names.length === others.length &&
    names.every((name) => Object.hasOwn(b, name) && isSame(Reflect.get(a, name), Reflect.get(b, name)))
  );
}

/** The same text for equal JSON values, whatever the order of their members, and for no others. */
export function* sameText(value: unknown, meter: Meter): Work<string> {
  if (value === null || typeof value !== 'object') {
    const text = JSON.stringify(value === 0 ? 0 : value) ?? 'null';
    if (meter.count(1 + (text.length >> 6))) yield;
    return text;
  }
  const parts: string[] = [];
  if (Array.isArray(value)) {
    for (const each of value) parts.push(yield* sameText(each, meter));
    return `[${parts.join()}]`;
  }
  const names = Object.keys(value).sort();
  if (meter.count(names.length >> 3)) yield;
  for (const name of names) {
    parts.push(`${JSON.stringify(name)}:${yield* sameText(Reflect.get(value, name), meter)}`);
  }
  return `{${parts.join()}}`;
}
