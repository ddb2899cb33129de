import { platformCrypto, TextEncoder } from '../platform.js';

const encoder = new TextEncoder();

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** SHA-256 in hexadecimal. */
export async function sha256(text: string): Promise<string> {
  return hex(await platformCrypto().subtle.digest('SHA-256', encoder.encode(text)));
}

/** Whether two secrets are the same, in a time that tells nothing of where they differ. */
export async function sameSecret(a: string, b: string): Promise<boolean> {
  const [x, y] = await Promise.all([sha256(`compared:${a}`), sha256(`compared:${b}`)]);
  let difference = 0;
  for (let i = 0; i < x.length; i += 1) difference |= x.charCodeAt(i) ^ y.charCodeAt(i);
  return difference === 0;
}

/** A key of its own for a purpose: what one is good for, no other is. */
export async function derivedKey(secret: string, purpose: string): Promise<CryptoKey> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const root = await platformCrypto().subtle.importKey('raw', encoder.encode(secret), algorithm, false, [
    'sign',
  ]);
  const derived = await platformCrypto().subtle.sign(
    'HMAC',
    root,
    encoder.encode(`task-execution-engine/${purpose}`),
  );
  return platformCrypto().subtle.importKey('raw', derived, algorithm, false, ['sign', 'verify']);
}

/** HMAC-SHA-256 in hexadecimal. */
export async function signed(key: CryptoKey, text: string): Promise<string> {
  return hex(await platformCrypto().subtle.sign('HMAC', key, encoder.encode(text)));
}

/** Whether `signature` is that of the text, in constant time. */
export async function isSigned(key: CryptoKey, text: string, signature: string): Promise<boolean> {
  if (!/^[0-9a-f]{64}$/.test(signature)) return false;
  const bytes = Uint8Array.from(signature.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return platformCrypto().subtle.verify('HMAC', key, bytes, encoder.encode(text));
}

/** JSON with sorted keys: the same for the same value. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
