/** Documents of the SDK as JSON has them: what other writers stored may hold instances of its classes. */
import { isBytes } from '../../values.js';
import { Kept } from '../kept.js';
import type { Look } from './foreign.js';
import type { TimestampLike } from './structure.js';
import { formatTime } from './times.js';

/**
 * The data of a document, copied into plain objects: times as ISO 8601 text, bytes as base64, references as paths, points
 * as objects, vectors as arrays, NaN and the infinities as null.
 */
export function plainData(data: unknown): Record<string, unknown> {
  return plain(data) as Record<string, unknown>;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number(value);
  }
  if (typeof value === 'number') {
    return Number.isFinite(value) ? value : null;
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (isBytes(value)) {
    return btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(''));
  }
  if (isInstance(value)) {
    return ofClass(value as Record<string, any>);
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

/** Which values would not come back from JSON as they are. */
export function lookNative(value: unknown): Look {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) {
    return new Kept(value, plain(value), false);
  }
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  if (Array.isArray(value)) {
    return { list: value };
  }
  if (value instanceof Uint8Array || isInstance(value)) {
    return new Kept(value, plain(value), isTime(value) || value instanceof Date);
  }
  return { map: value, id: (value as { id?: unknown }).id };
}

/**
 * The SDK rounds integers beyond 2^53 unless it is set up otherwise. Where the reply that it keeps can be read they are
 * BigInts here, which it writes as integers.
 */
export function exactData(data: unknown, reply: unknown): unknown {
  const proto = reply as { integerValue?: unknown; mapValue?: any; arrayValue?: any } | null | undefined;
  if (typeof data === 'number') {
    return !Number.isSafeInteger(data) && proto?.integerValue !== undefined && Number.isInteger(data)
      ? BigInt(String(proto.integerValue))
      : data;
  }
  if (Array.isArray(data)) {
    return data.map((member, n) => exactData(member, proto?.arrayValue?.values?.[n]));
  }
  if (typeof data !== 'object' || data === null || data instanceof Uint8Array || isInstance(data)) {
    return data;
  }
  const fields = proto?.mapValue?.fields;
  const exact = Object.entries(data).map(([name, member]) => [name, exactData(member, fields?.[name])]);
  return Object.fromEntries(exact);
}

function isInstance(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === null) {
    return false;
  }
  return Object.getPrototypeOf(prototype) !== null || prototype.constructor?.name !== 'Object';
}

function isTime(value: object): value is TimestampLike {
  const { toDate, nanoseconds } = value as Record<string, unknown>;
  return typeof toDate === 'function' && typeof nanoseconds === 'number';
}

function ofClass(value: Record<string, any>): unknown {
  if (isTime(value)) {
    return formatTime(value);
  }
  if (Object.prototype.toString.call(value) === '[object Date]') {
    return value.toISOString();
  }
  if (typeof value.path === 'string') {
    return value.path;
  }
  if (typeof value.latitude === 'number') {
    return { latitude: value.latitude, longitude: value.longitude };
  }
  if (typeof value.toArray === 'function') {
    return value.toArray();
  }
  return String(value);
}
