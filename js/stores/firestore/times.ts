/** Times of the server, which are the versions of documents: RFC 3339 with up to nine digits after the second. */

const shape = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/;

/** Whether a text is a version that Firestore can have given. Others it would refuse as malformed. */
export function isVersion(text: string): boolean {
  return shape.test(text);
}

/** Milliseconds since 1970, with fractions: a Date would drop them. */
export function milliseconds(time: string): number {
  const [, second = '', fraction = ''] = shape.exec(time) ?? [];
  return Date.parse(`${second}Z`) + Number(`0.${fraction || 0}`) * 1000;
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
