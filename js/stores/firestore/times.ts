/** Times of the server, which are the versions of documents: RFC 3339 with up to nine digits after the second. */
import { StoreError } from '../documents.js';
import type { TimestampLike } from './structure.js';

const shape = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/;

/**
 * The version that a write asks for.
 *
 * @throws StoreError `conflict` for what Firestore cannot have given: it would refuse that as malformed
 */
export function expectedVersion(write: { path: string; ifVersion?: string | undefined }): string | undefined {
  const { path, ifVersion } = write;
  if (ifVersion !== undefined && !shape.test(ifVersion)) {
    throw new StoreError('conflict', `${path} never had the version ${JSON.stringify(ifVersion)}.`);
  }
  return ifVersion;
}

/** A time of the SDK as the REST API prints it, with three, six or nine digits after the second, or none. */
export function formatTime({ seconds, nanoseconds }: TimestampLike): string {
  const second = new Date(seconds * 1000).toISOString().slice(0, 19);
  const digits = String(nanoseconds)
    .padStart(9, '0')
    .replace(/(000){1,3}$/, '');
  return digits === '' ? `${second}Z` : `${second}.${digits}Z`;
}

/** The seconds and nanoseconds of a version. */
export function parseTime(time: string): TimestampLike {
  const [, second = '', fraction = ''] = shape.exec(time) ?? [];
  return { seconds: Date.parse(`${second}Z`) / 1000, nanoseconds: Number(fraction.padEnd(9, '0')) };
}

/** Milliseconds since 1970, with fractions: a Date would drop them. */
export function milliseconds(time: string): number {
  const { seconds, nanoseconds } = parseTime(time);
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Milliseconds from one time of the server to another, never negative. */
export function elapsed(from: string, to: string): number | undefined {
  const age = milliseconds(to) - milliseconds(from);
  return Number.isFinite(age) ? Math.max(0, age) : undefined;
}

/** The later of two times. */
export function later(a: string, b: string): string {
  return milliseconds(b) > milliseconds(a) ? b : a;
}
