/** Where requests go to. */
import { TaskExecutionError } from '../../errors.js';

const google = 'https://firestore.googleapis.com';

/**
 * The beginning of every URL. Plain http reaches this machine only: there is the emulator, and beyond it anybody on the
 * way could read the token and the tasks.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT; what was given is not quoted, it may hold a password
 */
export function originOf(host: unknown): { origin: string; emulator: boolean } {
  if (host === undefined) return { origin: google, emulator: false };
  const url = parsed(host);
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    refuse(
      `plain http goes to localhost, 127.0.0.1 and [::1] alone, not to ${url.hostname}, since anybody on the way could read it. Give host: 'https://…', or forward a port of this machine to the emulator.`,
    );
  }
  return { origin: url.origin + url.pathname.replace(/\/+$/, ''), emulator: url.protocol === 'http:' };
}

function parsed(host: unknown): URL {
  const wanted = "host must be a host and port, '127.0.0.1:8080', or a URL of https.";
  if (typeof host !== 'string' || host === '' || /[\s\p{Control}\\]/u.test(host)) return refuse(wanted);
  let url: URL;
  try {
    url = new URL(host.includes('://') ? host : `http://${host}`);
  } catch {
    return refuse(wanted);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return refuse(wanted);
  if (url.username !== '' || url.password !== '') {
    return refuse('host must not hold a user and password: who asks is said by token.');
  }
  if (url.search !== '' || url.hash !== '') return refuse(wanted);
  return url;
}

/** As `URL` writes it: every other spelling of an address is made into this one. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function refuse(why: string): never {
  throw new TaskExecutionError('INVALID_ARGUMENT', `firestoreRestStore: ${why}`);
}
