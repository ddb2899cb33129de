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

/** The same text for equal JSON values, whatever the order of their members, and for no others. */
export function sameText(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value === 0 ? 0 : value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(sameText).join()}]`;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, each]) => `${JSON.stringify(key)}:${sameText(each)}`).join()}}`;
}
