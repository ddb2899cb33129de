/**
 * What a document holds that JSON does not have. The engine sees the nearest that JSON has and gives that back, beside
 * what it changes: here it becomes again what it was.
 */
import { Kept } from '../kept.js';

/** Where in a value such values are; branches without one are left out. */
export type Foreign = Kept | ForeignMap | ForeignList;
interface ForeignMap {
  readonly fields: ReadonlyMap<string, Foreign>;
}
interface ForeignList {
  readonly elements: readonly Element[];
}
interface Element {
  readonly index: number;
  /** What tells an item of a plan from others, wherever it stands in the list. */
  readonly id: string | undefined;
  readonly foreign: Foreign;
}

/** A value of a database: one that JSON lacks, what has members, or, as undefined, what JSON has too. */
export type Look =
  | Kept
  | { readonly list: readonly unknown[] }
  | { readonly map: object; readonly id?: unknown }
  | undefined;

/** Finds what JSON does not have. `look` says what each value is. */
export function foreignIn(value: unknown, look: (value: unknown) => Look): Foreign | undefined {
  const seen = look(value);
  if (seen === undefined || seen instanceof Kept) return seen;
  if ('list' in seen) {
    const elements = seen.list.flatMap((member, index): Element[] => {
      const foreign = foreignIn(member, look);
      const what = foreign === undefined || foreign instanceof Kept ? undefined : look(member);
      const id = what !== undefined && 'map' in what && typeof what.id === 'string' ? what.id : undefined;
      return foreign === undefined ? [] : [{ index, id, foreign }];
    });
    return elements.length === 0 ? undefined : { elements };
  }
  const fields = new Map<string, Foreign>();
  for (const [name, member] of Object.entries(seen.map)) {
    const foreign = foreignIn(member, look);
    if (foreign !== undefined) fields.set(name, foreign);
  }
  return fields.size === 0 ? undefined : { fields };
}

/**
 * The value with everything in it that was not changed as it was. A time stays a time where another ISO 8601 text has
 * taken its place; `time` makes the database's own of it.
 */
export function restore(
  value: unknown,
  foreign: Foreign | undefined,
  time: (iso: string) => unknown,
): unknown {
  if (foreign === undefined) return value;
  if (foreign instanceof Kept) {
    if (same(value, foreign.plain)) return foreign;
    return foreign.isTime && isInstant(value) ? new Kept(time(value), value, true) : value;
  }
  if ('fields' in foreign) {
    if (!isMap(value)) return value;
    const members = Object.entries(value).map(([name, member]) => [
      name,
      restore(member, foreign.fields.get(name), time),
    ]);
    return Object.fromEntries(members);
  }
  if (!Array.isArray(value)) return value;
  return value.map((member, index) => restore(member, elementOf(foreign, member, index), time));
}

function elementOf({ elements }: ForeignList, member: unknown, index: number): Foreign | undefined {
  const id = isMap(member) && typeof member.id === 'string' ? member.id : undefined;
  if (id !== undefined) return elements.find((element) => element.id === id)?.foreign;
  const beside = elements.find((element) => element.index === index && element.id === undefined)?.foreign;
  const stays = !(beside instanceof Kept) || same(beside.plain, member);
  if (beside !== undefined && stays) return beside;
  const moved = elements.find(({ foreign }) => foreign instanceof Kept && same(foreign.plain, member));
  return moved?.foreign ?? beside;
}

/** What is at a path of fields. */
export function foreignAt(foreign: Foreign | undefined, path: readonly string[]): Foreign | undefined {
  let at = foreign;
  for (const step of path) {
    at = at !== undefined && 'fields' in at ? at.fields.get(step) : undefined;
  }
  return at;
}

/** What is there once the value at a path is another, or none. */
export function withForeign(
  foreign: Foreign | undefined,
  [step, ...rest]: readonly string[],
  value: Foreign | undefined,
): Foreign | undefined {
  if (step === undefined) return value;
  const fields = new Map(foreign !== undefined && 'fields' in foreign ? foreign.fields : []);
  const member = withForeign(fields.get(step), rest, value);
  if (member === undefined) fields.delete(step);
  else fields.set(step, member);
  return fields.size === 0 ? undefined : { fields };
}

/** What a value that `restore` has made holds. */
export function lookRestored(value: unknown): Look {
  if (value instanceof Kept) return value;
  if (Array.isArray(value)) return { list: value };
  return isMap(value) ? { map: value, id: value.id } : undefined;
}

/** A restored value as the database's SDK takes it. */
export function native(value: unknown): unknown {
  if (value instanceof Kept) return value.native;
  if (Array.isArray(value)) return value.map(native);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, native(member)]));
}

/** About what it takes in memory. */
export function weight(foreign: Foreign | undefined): number {
  if (foreign === undefined) return 0;
  if (foreign instanceof Kept) return 200 + 4 * (JSON.stringify(foreign.plain)?.length ?? 0);
  const members =
    'fields' in foreign ? [...foreign.fields.values()] : foreign.elements.map((element) => element.foreign);
  return members.reduce((sum, member) => sum + weight(member), 100);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of JSON values, in which the order of fields is kept. */
function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function isInstant(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value);
}
