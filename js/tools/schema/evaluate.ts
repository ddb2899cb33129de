import { formats } from './formats.js';
import { asObject, own, type SchemaLike, type SchemaObject } from './keywords.js';
import type { Pattern } from './pattern.js';
import { isSame, isType, sameText, typeName, typesOf } from './values.js';
import type { Meter, Work } from './work.js';

/** Something that is wrong with a value. */
export interface Issue {
  message: string;
  /** Names and indexes, joined by dots; empty for the whole. */
  at: string;
  /** How much it speaks against an alternative that it was found in. */
  weight: number;
}

/** What a schema says of a value. */
interface Finding {
  issues: Issue[];
  /** Members and items that some keyword has judged, where anybody asks. */
  judged: Set<string | number> | undefined;
}

/** The values that a keyword names. */
export interface AllowedValues {
  simple: ReadonlySet<unknown>;
  /** Objects and arrays. */
  others: readonly unknown[];
}

/** What the schema's walk needs of the schema. */
export interface Compiled {
  root: SchemaLike;
  patterns: ReadonlyMap<string, Pattern>;
  targets(schema: SchemaObject): SchemaLike[];
  /** What `enum` and `const` allow. */
  values(schema: SchemaObject): { enum?: AllowedValues | undefined; const?: AllowedValues | undefined };
  /** Whether `unevaluatedProperties` or `unevaluatedItems` is anywhere in it. */
  judges: boolean;
  /** Before 2019-09: a reference hides what stands beside it. */
  hidesBesideReferences: boolean;
}

/** More are not collected. */
const mostIssues = 100;
/** An alternative with another discriminator is the wrong one, however few its issues are. */
const discriminating = 10;

/** One value checked against one schema. Every pair of a schema and a part of the value is looked at once. */
export class Evaluation {
  readonly #schema: Compiled;
  readonly #meter: Meter;
  readonly #known = new Map<SchemaObject, Map<object, Finding>>();

  constructor(schema: Compiled, meter: Meter) {
    this.#schema = schema;
    this.#meter = meter;
  }

  *issues(value: unknown): Work<Issue[]> {
    return (yield* this.#check(this.#schema.root, value, '')).issues;
  }

  *#check(schema: SchemaLike, value: unknown, at: string): Work<Finding> {
    if (this.#meter.count(1)) yield;
    if (typeof schema === 'boolean') {
      const finding = this.#nothing();
      if (!schema) finding.issues.push({ message: 'is not allowed', at, weight: 1 });
      return finding;
    }
    if (value === null || typeof value !== 'object') return yield* this.#look(schema, value, at);
    const found = this.#known.get(schema) ?? new Map<object, Finding>();
    const known = found.get(value);
    if (known !== undefined) return known;
    const finding = yield* this.#look(schema, value, at);
    this.#known.set(schema, found.set(value, finding));
    return finding;
  }

  /** What another schema says of the same value. */
  *#take(finding: Finding, other: Finding): Work<void> {
    for (const issue of other.issues) note(finding, issue);
    if (other.issues.length > 0) return;
    for (const key of other.judged ?? []) {
      if (this.#meter.count(1)) yield;
      finding.judged?.add(key);
    }
  }

  #nothing(): Finding {
    return { issues: [], judged: this.#schema.judges ? new Set() : undefined };
  }

  *#look(schema: SchemaObject, value: unknown, at: string): Work<Finding> {
    const finding = this.#nothing();
    const targets = this.#schema.targets(schema);
    for (const target of targets) yield* this.#take(finding, yield* this.#check(target, value, at));
    if (targets.length > 0 && this.#schema.hidesBesideReferences) return finding;

    const issue = (message: string, weight = 1) => note(finding, { message, at, weight });
    yield* this.#simple(schema, value, issue);
    if (typeof value === 'string') yield* this.#text(schema, value, issue);
    if (typeof value === 'number') numeric(schema, value, issue);
    if (Array.isArray(value)) yield* this.#items(schema, value, at, finding);
    const object = asObject(value);
    if (object !== undefined) yield* this.#members(schema, object, at, finding);
    yield* this.#combined(schema, value, at, finding);
    yield* this.#unjudged(schema, value, at, finding);
    return finding;
  }

  *#simple(schema: SchemaObject, value: unknown, issue: Report): Work<void> {
    const types = typesOf(schema.type);
    if (types !== undefined && !types.some((type) => isType(value, type))) {
      const hint = types.some((type) => isWrittenOut(value, type)) ? ': give it as JSON, not as a text' : '';
      issue(`must be ${types.join(' or ')}, but is ${typeName(value)}${hint}`, discriminating);
    }
    const allowed = this.#schema.values(schema);
    if (allowed.const !== undefined && !(yield* this.#isAmong(value, allowed.const))) {
      issue(`must be ${shown(schema.const)}`, discriminating);
    }
    if (allowed.enum !== undefined && !(yield* this.#isAmong(value, allowed.enum))) {
      issue(`must be one of ${shown(schema.enum)}`, discriminating);
    }
  }

  *#isAmong(value: unknown, { simple, others }: AllowedValues): Work<boolean> {
    if (value === null || typeof value !== 'object') return simple.has(value);
    const members = Object.keys(value).length;
    for (const other of others) {
      if (this.#meter.count(1 + (members >> 3))) yield;
      if (isSame(other, value)) return true;
    }
    return false;
  }

  *#text(schema: SchemaObject, value: string, issue: Report): Work<void> {
    const { minLength, maxLength, pattern, format } = schema;
    if (isNumber(minLength) || isNumber(maxLength)) {
      const length = codePoints(value);
      if (this.#meter.count(value.length >> 6)) yield;
      if (isNumber(minLength) && length < minLength) issue(`must have at least ${minLength} characters`);
      if (isNumber(maxLength) && length > maxLength) issue(`must have at most ${maxLength} characters`);
    }
    if (typeof pattern === 'string' && !(yield* this.#matches(pattern, value))) {
      issue(`must match the pattern ${pattern}`);
    }
    const isFormat = typeof format === 'string' ? formats.get(format) : undefined;
    if (isFormat !== undefined) {
      if (this.#meter.count(value.length >> 4)) yield;
      if (!isFormat(value)) issue(`must be a valid ${format}`);
    }
  }

  *#matches(pattern: string, text: string): Work<boolean> {
    const compiled = this.#schema.patterns.get(pattern);
    return compiled === undefined || (yield* compiled.matches(text, this.#meter));
  }

  *#items(schema: SchemaObject, value: unknown[], at: string, finding: Finding): Work<void> {
    const { items, prefixItems, additionalItems, contains, minItems, maxItems, uniqueItems } = schema;
    const issue = (message: string) => note(finding, { message, at, weight: 1 });
    if (isNumber(minItems) && value.length < minItems) issue(`must have at least ${minItems} items`);
    if (isNumber(maxItems) && value.length > maxItems) issue(`must have at most ${maxItems} items`);
    const first = Array.isArray(prefixItems) ? prefixItems : Array.isArray(items) ? items : [];
    const rest = Array.isArray(items) ? additionalItems : items;
    for (const [i, item] of value.entries()) {
      const inner = i < first.length ? first[i] : rest;
      if (inner === undefined) break;
      judge(finding, i, yield* this.#check(inner as SchemaLike, item, step(at, i)));
    }
    if (uniqueItems === true) {
      const seen = new Set<string>();
      for (const item of value) {
        seen.add(yield* sameText(item, this.#meter));
      }
      if (seen.size < value.length) issue('must not have equal items');
    }
    if (contains !== undefined) {
      const { minContains = 1, maxContains = Number.POSITIVE_INFINITY } = schema;
      let found = 0;
      for (const [i, item] of value.entries()) {
        if ((yield* this.#check(contains as SchemaLike, item, step(at, i))).issues.length > 0) continue;
        found += 1;
        finding.judged?.add(i);
      }
      if (isNumber(minContains) && found < minContains) {
        issue(`must contain at least ${minContains} of the items asked for`);
      }
      if (isNumber(maxContains) && found > maxContains) {
        issue(`must contain at most ${maxContains} of the items asked for`);
      }
    }
  }

  *#members(
    schema: SchemaObject,
    value: Readonly<Record<string, unknown>>,
    at: string,
    finding: Finding,
  ): Work<void> {
    const { required, minProperties, maxProperties, propertyNames, properties, patternProperties } = schema;
    const issue = (message: string) => note(finding, { message, at, weight: 1 });
    const names = Object.keys(value);
    this.#require(required, value, issue, '');
    if (isNumber(minProperties) && names.length < minProperties) {
      issue(`must have at least ${minProperties} members`);
    }
    if (isNumber(maxProperties) && names.length > maxProperties) {
      issue(`must have at most ${maxProperties} members`);
    }
    const byPattern = Object.entries(asObject(patternProperties) ?? {});
    for (const name of names) {
      if (this.#meter.count(1)) yield;
      const inside = step(at, name);
      if (propertyNames !== undefined) {
        yield* this.#take(finding, yield* this.#check(propertyNames as SchemaLike, name, inside));
      }
      const inner = [own(properties, name)];
      for (const [pattern, each] of byPattern) {
        if (yield* this.#matches(pattern, name)) inner.push(each);
      }
      const fitting = inner.filter((each) => each !== undefined);
      if (fitting.length === 0 && schema.additionalProperties !== undefined) {
        fitting.push(schema.additionalProperties);
      }
      for (const each of fitting) {
        judge(finding, name, yield* this.#check(each as SchemaLike, value[name], inside));
      }
    }
    for (const keyword of ['dependentRequired', 'dependentSchemas', 'dependencies']) {
      for (const [name, needed] of Object.entries(asObject(schema[keyword]) ?? {})) {
        if (!Object.hasOwn(value, name)) continue;
        if (Array.isArray(needed)) this.#require(needed, value, issue, ` where '${name}' is`);
        else yield* this.#take(finding, yield* this.#check(needed as SchemaLike, value, at));
      }
    }
  }

  #require(names: unknown, value: object, issue: Report, when: string): void {
    if (!Array.isArray(names)) return;
    for (const name of names) {
      if (!Object.hasOwn(value, name)) issue(`'${name}' is required${when}`);
    }
  }

  *#combined(schema: SchemaObject, value: unknown, at: string, finding: Finding): Work<void> {
    const issue = (message: string) => note(finding, { message, at, weight: 1 });
    for (const each of listOf(schema.allOf)) yield* this.#take(finding, yield* this.#check(each, value, at));
    for (const keyword of ['anyOf', 'oneOf']) {
      const alternatives: Finding[] = [];
      for (const each of listOf(schema[keyword])) alternatives.push(yield* this.#check(each, value, at));
      if (alternatives.length === 0) continue;
      const fitting = alternatives.filter(({ issues }) => issues.length === 0);
      if (keyword === 'oneOf' && fitting.length > 1) issue('must match only one of the alternatives');
      else if (fitting.length === 0) yield* this.#take(finding, closest(alternatives));
      else for (const each of fitting) yield* this.#take(finding, each);
    }
    if (schema.not !== undefined) {
      const { issues } = yield* this.#check(schema.not as SchemaLike, value, at);
      if (issues.length === 0) issue('is what it must not be');
    }
    if (schema.if !== undefined) {
      const condition = yield* this.#check(schema.if as SchemaLike, value, at);
      const holds = condition.issues.length === 0;
      if (holds) yield* this.#take(finding, condition);
      const branch = holds ? schema.then : schema.else;
      if (branch !== undefined)
        yield* this.#take(finding, yield* this.#check(branch as SchemaLike, value, at));
    }
  }

  /** After everything that may have judged them. */
  *#unjudged(schema: SchemaObject, value: unknown, at: string, finding: Finding): Work<void> {
    const judged = finding.judged;
    if (judged === undefined) return;
    const isArray = Array.isArray(value);
    const inner = isArray ? schema.unevaluatedItems : schema.unevaluatedProperties;
    if (inner === undefined || value === null || typeof value !== 'object') return;
    for (const [key, each] of isArray ? value.entries() : Object.entries(value)) {
      if (this.#meter.count(1)) yield;
      if (!judged.has(key)) judge(finding, key, yield* this.#check(inner as SchemaLike, each, step(at, key)));
    }
  }
}

type Report = (message: string, weight?: number) => void;

function note(finding: Finding, issue: Issue): void {
  if (finding.issues.length < mostIssues) finding.issues.push(issue);
}

/** What a schema says of a part. */
function judge(finding: Finding, key: string | number, part: Finding): void {
  for (const issue of part.issues) note(finding, issue);
  finding.judged?.add(key);
}

function closest(alternatives: Finding[]): Finding {
  const weigh = ({ issues }: Finding) => issues.reduce((sum, { weight }) => sum + weight, 0);
  return alternatives.reduce((best, each) => (weigh(each) < weigh(best) ? each : best));
}

/** Models write arrays and objects as JSON once too often. */
function isWrittenOut(value: unknown, type: string): boolean {
  const opening = type === 'array' ? '[' : type === 'object' ? '{' : undefined;
  return opening !== undefined && typeof value === 'string' && value.trimStart().startsWith(opening);
}

function numeric(schema: SchemaObject, value: number, issue: Report): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  // Booleans in draft 4, where they sharpen the other keyword.
  const [above, below] = [
    exclusiveMinimum === true ? minimum : exclusiveMinimum,
    exclusiveMaximum === true ? maximum : exclusiveMaximum,
  ];
  if (isNumber(minimum) && value < minimum) issue(`must be at least ${minimum}`);
  if (isNumber(maximum) && value > maximum) issue(`must be at most ${maximum}`);
  if (isNumber(above) && value <= above) issue(`must be above ${above}`);
  if (isNumber(below) && value >= below) issue(`must be below ${below}`);
  if (isNumber(multipleOf) && multipleOf > 0 && !isMultiple(value, multipleOf)) {
    issue(`must be a multiple of ${multipleOf}`);
  }
}

/** As near as binary fractions come: 0.3 is a multiple of 0.1. */
function isMultiple(value: number, of: number): boolean {
  if (Number.isInteger(value) && Number.isInteger(of)) return value % of === 0;
  const times = value / of;
  return Number.isFinite(times) && Math.abs(times - Math.round(times)) <= 1e-9 * Math.max(1, Math.abs(times));
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function listOf(value: unknown): SchemaLike[] {
  return Array.isArray(value) ? value : [];
}

function step(at: string, key: string | number): string {
  return at === '' ? String(key) : `${at}.${key}`;
}

function codePoints(text: string): number {
  let count = text.length;
  for (let i = 1; i < text.length; i++) {
    const isPair = (text.charCodeAt(i) & 0xfc00) === 0xdc00 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800;
    if (isPair) count -= 1;
  }
  return count;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
