/** Documents of the SDK as JSON has them: what other writers stored may hold instances of its classes. */
import { isBytes } from '../../values.js';
import type { TimestampLike } from './structure.js';
import { formatTime } from './times.js';

/** The data of a document, copied into plain objects: times as ISO 8601 text, bytes as base64, references as paths. */
export function plainData(data: unknown): Record<string, unknown> {
  return plain(data) as Record<string, unknown>;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number(value);
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

function isInstance(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === null) {
    return false;
  }
  return Object.getPrototypeOf(prototype) !== null || prototype.constructor?.name !== 'Object';
}

function ofClass(value: Record<string, any>): unknown {
  if (typeof value.toDate === 'function' && typeof value.nanoseconds === 'number') {
    return formatTime(value as unknown as TimestampLike);
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
