/** Formats that are checked (JSON Schema 2020-12, validation, 7.3, and `url`); every other name is only a note. */

const date = /^(\d{4})-(\d{2})-(\d{2})$/;
const time = /^(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:z|[+-](\d{2}):(\d{2}))$/i;
const duration =
  /^P(?!$)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)$/;
const hostname = /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/i;
const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const uuid = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i;
const pointer = /^(?:\/(?:[^~/]|~[01])*)*$/;

function isDate(text: string): boolean {
  const [, year, month, day] = (date.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  return days !== undefined && day >= 1 && day <= days;
}

function isTime(text: string): boolean {
  const [, hours, minutes, seconds, zoneHours = 0, zoneMinutes = 0] = (time.exec(text) ?? []).map((part) =>
    Number(part ?? 0),
  );
  if (hours === undefined || minutes === undefined || seconds === undefined) return false;
  return hours < 24 && minutes < 60 && seconds <= 60 && zoneHours < 24 && zoneMinutes < 60;
}

function isUri(text: string): boolean {
  return /^[a-z][a-z\d+.-]*:/i.test(text) && !/[\s"<>\\^`{|}]/.test(text) && parses(text);
}

function parses(text: string, base?: string): boolean {
  try {
    new URL(text, base);
    return true;
  } catch {
    return false;
  }
}

function isHostname(text: string): boolean {
  return text.length <= 253 && text.split('.').every((label) => hostname.test(label));
}

function isIpv6(text: string): boolean {
  return text.length <= 45 && /^[\da-f:.]+$/i.test(text) && parses(`http://[${text}]/`);
}

function isEmail(text: string): boolean {
  // RFC 5321: 64 octets before the @, 255 behind it.
  const at = text.lastIndexOf('@');
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)];
  return (
    at > 0 && local.length <= 64 && /^(?:[^\s"@(),:;<>[\\\]]+|"[^"\r\n]*")$/.test(local) && isHostname(domain)
  );
}

/** Of a property the platform makes hundreds of ranges, wherever it stands: each is tried once, and then a shorter class. */
function isRegex(text: string): boolean {
  const known = new Set<string>();
  const short = text.replace(/\\(?:[pP]\{[^{}]*\}|[\s\S])/g, (escaped) => {
    if (escaped.length < 3) return escaped;
    known.add(escaped);
    return '\\d';
  });
  return known.size <= mostProperties && [...known, short].every(compiles);
}

/** A pattern that names more of them is none that anybody wrote. */
const mostProperties = 200;

function compiles(source: string): boolean {
  try {
    new RegExp(source, 'u');
    return true;
  } catch {
    return false;
  }
}

/** Each takes time linear in the text, whatever the text. */
export const formats: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['date', isDate],
  ['time', isTime],
  [
    'date-time',
    (text: string) => isDate(text.slice(0, 10)) && /^[t\s]$/i.test(text[10] ?? '') && isTime(text.slice(11)),
  ],
  ['duration', (text: string) => text.length <= 1_000 && duration.test(text)],
  ['email', isEmail],
  ['hostname', isHostname],
  ['ipv4', (text: string) => ipv4.test(text)],
  ['ipv6', isIpv6],
  ['uri', isUri],
  ['url', isUri],
  ['uri-reference', (text: string) => !/[\s"<>\\^`{|}]/.test(text) && parses(text, 'http://localhost/')],
  ['uuid', (text: string) => uuid.test(text)],
  ['json-pointer', (text: string) => pointer.test(text)],
  [
    'relative-json-pointer',
    (text: string) => /^(?:0|[1-9]\d*)(?:#$|\/|$)/.test(text) && pointer.test(text.replace(/^\d+#?/, '')),
  ],
  ['regex', isRegex],
]);
