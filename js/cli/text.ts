import stringWidth from 'string-width';

/** Colours, cursor movements and titles, no longer than any that means something. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const orders = /(?:\u001b\[|\u009b)[0-?]{0,40}[ -/]{0,2}[@-~]|\u001b\][ -~]{0,200}(?:\u0007|\u001b\\)/g;

/** What a terminal could take for an order, or would show in another place than where it stands. */
const unsafe =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\p{Surrogate}]/gu;

/**
 * Text of anybody, such as a model or a tool, so that it can be written to a terminal: colours and the like are left
 * out, other control characters are made visible. Line feeds stay.
 */
export function printable(text: string): string {
  return text.replace(orders, '').replaceAll('\r\n', '\n').replaceAll('\t', '  ').replace(unsafe, visible);
}

function visible(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `<${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

/** As `printable`, on one line. */
export function printableLine(text: string): string {
  return printable(text)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');
}

/** Columns that printable text takes in a terminal. */
export function widthOf(text: string): number {
  return /^[\u0020-\u007e]*$/.test(text) ? text.length : stringWidth(text);
}

/** Cut to so many columns, with a mark where something is missing. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  return width > 1 ? `${head(text, width - 1)}…` : head(text, Math.max(0, width));
}

/** Filled up with spaces to so many columns. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

/** Breaks text between words where that is possible. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    let taken = 0;
    for (const word of paragraph.split(' ').flatMap((each) => pieces(each, width))) {
      const wide = widthOf(word);
      if (line !== '' && taken + 1 + wide > width) {
        lines.push(line);
        line = word;
        taken = wide;
      } else {
        taken += line === '' ? wide : wide + 1;
        line = line === '' ? word : `${line} ${word}`;
      }
    }
    return [...lines, line];
  });
}

function pieces(word: string, width: number): string[] {
  if (widthOf(word) <= width) return [word];
  const found: string[] = [];
  let begin = 0;
  let taken = 0;
  for (const { segment, index } of characters.segment(word)) {
    const wide = widthOf(segment);
    if (taken + wide > width && index > begin) {
      found.push(word.slice(begin, index));
      begin = index;
      taken = 0;
    }
    taken += wide;
  }
  return [...found, word.slice(begin)];
}

const characters = new Intl.Segmenter();

function head(text: string, width: number): string {
  let taken = 0;
  for (const { segment, index } of characters.segment(text)) {
    taken += widthOf(segment);
    if (taken > width) return text.slice(0, index);
  }
  return text;
}
