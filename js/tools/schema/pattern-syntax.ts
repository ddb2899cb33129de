/** What a pattern is made of; greed and captures do not matter to whether it matches. */
export type PatternNode =
  | { kind: 'one'; of: OneOf }
  | { kind: 'sequence'; parts: PatternNode[] }
  | { kind: 'choice'; options: PatternNode[] }
  | { kind: 'repeat'; body: PatternNode; least: number; most: number }
  | { kind: 'at'; place: Place }
  | { kind: 'look'; body: PatternNode; behind: boolean; negative: boolean };

/** A place between two characters. */
export type Place = 'start' | 'end' | 'word edge' | 'no word edge';

/** Why a pattern cannot be used; the message goes on "its pattern … ". */
export class PatternRefusal extends Error {}

/** A set of single characters, as the platform's own regular expressions understand its source. */
export class OneOf {
  readonly #regexp: RegExp;
  readonly #known = new Map<number, boolean>();

  constructor(source: string, flags: string) {
    this.#regexp = new RegExp(`^(?:${source})$`, flags);
  }

  has(character: number): boolean {
    const known = this.#known.get(character);
    if (known !== undefined) return known;
    const has = this.#regexp.test(String.fromCodePoint(character));
    if (this.#known.size < mostRemembered) this.#known.set(character, has);
    return has;
  }
}

const mostRemembered = 1_000;

/** A pattern, read. `unicode`: its characters are code points, and not UTF-16 code units. */
export interface ParsedPattern {
  node: PatternNode;
  unicode: boolean;
}

/**
 * Reads a pattern of a JSON Schema: with the `u` flag, as the specification wants it, or without where it only works
 * so (ECMA-262, Annex B).
 *
 * @throws PatternRefusal for what is no regular expression, and for back references, which no matcher does in linear time
 */
export function parsePattern(source: string): ParsedPattern {
  const unicode = compiles(source, 'u');
  if (!unicode) {
    try {
      new RegExp(source);
    } catch (thrown) {
      throw new PatternRefusal(`is no regular expression: ${(thrown as Error).message}`);
    }
  }
  return { node: new Reader(source, unicode).read(), unicode };
}

function compiles(source: string, flags: string): boolean {
  try {
    new RegExp(source, flags);
    return true;
  } catch {
    return false;
  }
}

const quantifier = /\{(\d+)(?:(,)(\d*))?\}/y;
/** Longer ones are read in pieces: `\cX`, `\xHH`, `\uHHHH`, `\u{…}`, `\p{…}`, and octal escapes. */
const escapes = {
  unicode:
    /\\(?:u\{[^}]*\}|u[dD][89abAB][\dA-Fa-f]{2}\\u[dD][c-fC-F][\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|[pP]\{[^}]*\}|c[A-Za-z]|[\s\S])/uy,
  plain: /\\(?:u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|c[A-Za-z]|[0-3][0-7]{0,2}|[4-7][0-7]?|[\s\S])/y,
};
const group = /\((?:\?(?::|=|!|<=|<!|<[^>]*>))?/y;

/** Reads what the platform has found to be a regular expression: what it would refuse is not looked for again. */
class Reader {
  readonly #source: string;
  readonly #unicode: boolean;
  readonly #groups: { count: number; named: boolean };
  #at = 0;

  constructor(source: string, unicode: boolean) {
    this.#source = source;
    this.#unicode = unicode;
    this.#groups = countGroups(source);
  }

  read(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#source.length) throw new PatternRefusal('cannot be read');
    return node;
  }

  #choice(): PatternNode {
    const options = [this.#sequence()];
    while (this.#eats('|')) options.push(this.#sequence());
    return options.length === 1 ? (options[0] as PatternNode) : { kind: 'choice', options };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#source.length && !'|)'.includes(this.#source[this.#at] as string)) {
      parts.push(this.#repeated(this.#atom()));
    }
    return { kind: 'sequence', parts };
  }

  #repeated(body: PatternNode): PatternNode {
    let bounds: [number, number] | undefined;
    if (this.#eats('*')) bounds = [0, Number.POSITIVE_INFINITY];
    else if (this.#eats('+')) bounds = [1, Number.POSITIVE_INFINITY];
    else if (this.#eats('?')) bounds = [0, 1];
    else {
      const [, least, comma, most] = this.#take(quantifier) ?? [];
      if (least !== undefined) {
        const upper = comma === undefined ? least : most || Number.POSITIVE_INFINITY;
        bounds = [Number(least), Number(upper)];
      }
    }
    if (bounds === undefined) return body;
    this.#eats('?');
    return { kind: 'repeat', body, least: bounds[0], most: bounds[1] };
  }

  #atom(): PatternNode {
    switch (this.#source[this.#at]) {
      case '^':
        this.#at += 1;
        return { kind: 'at', place: 'start' };
      case '$':
        this.#at += 1;
        return { kind: 'at', place: 'end' };
      case '(':
        return this.#group();
      case '[':
        return this.#class();
      case '\\':
        return this.#escaped();
      default: {
        const character = this.#unicode
          ? String.fromCodePoint(this.#source.codePointAt(this.#at) as number)
          : (this.#source[this.#at] as string);
        this.#at += character.length;
        return this.#one(/[{}\]]/.test(character) ? `\\${character}` : character);
      }
    }
  }

  #group(): PatternNode {
    const opening = this.#take(group)?.[0] as string;
    if (this.#source[this.#at] === '?') {
      throw new PatternRefusal('has flags in a group, which are not supported');
    }
    const body = this.#choice();
    if (!this.#eats(')')) throw new PatternRefusal('cannot be read');
    if (!/[=!]$/.test(opening)) return body;
    return { kind: 'look', body, behind: opening.includes('<'), negative: opening.endsWith('!') };
  }

  #class(): PatternNode {
    const from = this.#at;
    for (this.#at += 1; this.#source[this.#at] !== ']'; this.#at += 1) {
      if (this.#source[this.#at] === '\\') this.#at += 1;
    }
    this.#at += 1;
    return this.#one(this.#source.slice(from, this.#at));
  }

  #escaped(): PatternNode {
    const from = this.#at;
    const text = this.#take(this.#unicode ? escapes.unicode : escapes.plain)?.[0] as string;
    if (text === '\\b') return { kind: 'at', place: 'word edge' };
    if (text === '\\B') return { kind: 'at', place: 'no word edge' };
    if (text === '\\k' && (this.#unicode || this.#groups.named)) refuseReference();
    if (/^\\[1-9]/.test(text)) {
      const digits = /^\d+/.exec(this.#source.slice(from + 1))?.[0];
      if (this.#unicode || Number(digits) <= this.#groups.count) refuseReference();
    }
    if (text === '\\c') {
      // Annex B: the backslash stands for itself.
      this.#at = from + 1;
      return this.#one('\\\\');
    }
    return this.#one(text);
  }

  #one(source: string): PatternNode {
    return { kind: 'one', of: new OneOf(source, this.#unicode ? 'u' : '') };
  }

  #eats(character: string): boolean {
    if (this.#source[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #take(regexp: RegExp): RegExpExecArray | null {
    regexp.lastIndex = this.#at;
    const found = regexp.exec(this.#source);
    if (found !== null) this.#at = regexp.lastIndex;
    return found;
  }
}

function refuseReference(): never {
  throw new PatternRefusal('refers back to a group, which takes exponential time');
}

function countGroups(source: string): { count: number; named: boolean } {
  const outside = source.replace(/\\[\s\S]/g, '').replace(/\[[^\]]*\]/g, '');
  return {
    count: outside.match(/\((?!\?)|\(\?<(?![=!])/g)?.length ?? 0,
    named: /\(\?<(?![=!])/.test(outside),
  };
}
