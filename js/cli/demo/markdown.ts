/** What the demo's tools know of Markdown: pure functions of a page's text. Lines count from 1. */

export interface Heading {
  level: number;
  text: string;
  /** The anchor that sites make of it, unique in its page. */
  anchor: string;
  line: number;
}

export interface Link {
  target: string;
  line: number;
}

interface Line {
  text: string;
  number: number;
}

/** The lines outside fenced code. */
function proseLines(page: string): Line[] {
  const lines: Line[] = [];
  let fence: string | undefined;
  for (const [index, text] of page.split(/\r?\n/).entries()) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(text)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence) && text.trim() === mark) fence = undefined;
    } else if (mark !== undefined) {
      fence = mark;
    } else {
      lines.push({ text, number: index + 1 });
    }
  }
  return lines;
}

export function headingsOf(page: string): Heading[] {
  const seen = new Map<string, number>();
  return proseLines(page).flatMap(({ text: line, number }) => {
    const [, marks = '', rest = ''] = /^ {0,3}(#{1,6})(?=[ \t])(.*)$/.exec(line) ?? [];
    const text = plain(rest.trim());
    if (text === '') return [];
    const slug = slugOf(text);
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    const anchor = before === 0 ? slug : `${slug}-${before}`;
    return [{ level: marks.length, text, anchor, line: number }];
  });
}

/** A heading's text without its closing marks, links and emphasis. */
function plain(text: string): string {
  const end = text.search(/(?<=^|[ \t])#{1,99}$/);
  return (end < 0 ? text : text.slice(0, end))
    .replace(/!?\[([^\]]{0,500})\]\([^)]{0,500}\)/g, '$1')
    .replace(/[`*]/g, '')
    .trim();
}

function slugOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replace(/ /g, '-');
}

/** Inline links, images and link definitions. Lengths are bounded, so that no page takes long. */
export function linksOf(page: string): Link[] {
  return proseLines(page).flatMap(({ text, number }) => {
    const line = text.replace(/`+[^`]*`+/g, (code) => ' '.repeat(code.length));
    const inline = [
      ...line.matchAll(
        /\]\(\s{0,9}<?([^\s()<>]{0,999}(?:\([^\s()]{0,99}\)[^\s()<>]{0,99}){0,2})>?[^)]{0,200}\)/g,
      ),
    ];
    const defined = /^ {0,3}\[[^\]^][^\]]*\]:\s*<?([^\s<>]+)/.exec(line);
    return [...inline, ...(defined ? [defined] : [])]
      .map((match) => ({ target: match[1] ?? '', line: number }))
      .filter(({ target }) => target !== '');
  });
}

/** Words of the prose, code left out. */
export function wordsOf(page: string): number {
  return proseLines(page)
    .flatMap(({ text }) => text.split(/\s+/))
    .filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
}

/** Lines that say that something is unfinished. */
export function openEndsOf(page: string): { text: string; line: number }[] {
  return proseLines(page)
    .filter(({ text }) => /\b(?:TODO|FIXME|TBD)\b/.test(text))
    .map(({ text, number }) => ({ text: text.trim().replace(/^(?:[-*+]|<!--)\s+/, ''), line: number }));
}
