import { once } from 'node:events';
import { blue, bold, cyan, dim, green, red, yellow } from 'yoctocolors';
import { bar, type Style } from '../bar.js';
import { cut, padded, printable, printableLine, widthOf, wrap } from '../text.js';
import type { Line } from './timeline.js';

const inColour = { bold, dim, cyan, green, blue, yellow, red };
type Colours = Record<keyof typeof inColour, Style>;
const plain: Colours = {
  bold: String,
  dim: String,
  cyan: String,
  green: String,
  blue: String,
  yellow: String,
  red: String,
};

/** Where there is no terminal. */
const usualWidth = 100;
const narrowest = 40;
/** Columns before the text of the timeline: the time and a mark. */
const margin = 12;
/** Longer texts are cut. */
const mostLines = 12;
const barWidth = 20;

/** What is written to. */
export type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** Writes what anybody said so that it cannot steer the terminal, no wider than that is. */
export class Printer {
  readonly #output: Output;
  readonly #utc: boolean;
  readonly colours: Colours;
  #day = '';
  #time = '';

  constructor(output: Output, utc: boolean) {
    this.#output = output;
    this.#utc = utc;
    this.colours = output.isTTY ? inColour : plain;
  }

  get width(): number {
    return this.#output.isTTY ? Math.max(narrowest, (this.#output.columns || 81) - 1) : usualWidth;
  }

  /** Writes a line that holds nothing but colours and printable text. Settles when more can be written. */
  async write(line = ''): Promise<void> {
    if (!this.#output.write(`${line}\n`)) await once(this.#output, 'drain');
  }

  /** Text of anybody, wrapped; what comes after the first line is indented. */
  async text(text: string, style: Style, label = ''): Promise<void> {
    const lines = wrap(printableLine(text), this.width - widthOf(label));
    for (const [n, each] of lines.entries()) {
      await this.write(`${n === 0 ? label : ' '.repeat(widthOf(label))}${style(each)}`);
    }
  }

  /** A name, a bar, and what comes after it. */
  async bar(name: string, nameWidth: number, percent: number, rest: string): Promise<void> {
    const wide = Math.max(5, Math.min(30, this.width - nameWidth - 15));
    const shown = Math.round(Number.isFinite(percent) ? percent : 0);
    const tail = rest === '' ? '' : `  ${printableLine(rest)}`;
    await this.write(
      `${padded(cut(printableLine(name), nameWidth), nameWidth)} ${bar(shown, wide, this.colours)} ${String(shown).padStart(3)} %${tail}`,
    );
  }

  /** What happened at a time. The day is said where it changes. */
  async event(at: string, lines: Line[]): Promise<void> {
    const { day, time } = this.when(at);
    if (day !== this.#day) {
      this.#day = day;
      this.#time = '';
      await this.write(this.colours.dim(day));
    }
    for (const line of lines) {
      const shown = time === this.#time ? '        ' : time;
      this.#time = time;
      await this.#line(this.colours.dim(shown), line);
    }
  }

  /** The day and the time of ISO 8601, here or in UTC. */
  when(at: string): { day: string; time: string } {
    const date = new Date(at);
    if (Number.isNaN(date.getTime())) return { day: 'no date', time: '--:--:--' };
    const local = new Date(date.getTime() - (this.#utc ? 0 : date.getTimezoneOffset() * 60_000));
    const [day = '', rest = ''] = local.toISOString().split('T');
    return { day: this.#utc ? `${day} UTC` : day, time: rest.slice(0, 8) };
  }

  async #line(time: string, { mark, text, kind, note, bar: percent }: Line): Promise<void> {
    const { colours } = this;
    const width = this.width - margin;
    const { lines, hidden } = shortened(text, width);
    const style = this.#styleOf(kind);
    const [first = '', ...others] = lines;
    let rows = [
      `${time}  ${style(mark)} ${style(first)}`,
      ...others.map((each) => `${indent}${style(each)}`),
    ];
    const after: [shown: string, wide: number][] = [];
    if (percent !== undefined) {
      after.push([`${bar(percent, barWidth, colours)} ${percent} %`, barWidth + 6]);
    }
    if (note !== undefined) {
      const shown = cut(printableLine(note.slice(0, 2 * width)), width);
      after.push([colours.dim(shown), widthOf(shown)]);
    }
    let taken = widthOf(lines.at(-1) ?? '');
    for (const [shown, wide] of after) {
      if (taken + 2 + wide <= width) {
        rows = [...rows.slice(0, -1), `${rows.at(-1)}  ${shown}`];
        taken += 2 + wide;
      } else {
        rows.push(`${indent}${shown}`);
        taken = wide;
      }
    }
    if (hidden > 0) {
      rows.push(`${indent}${colours.dim(`… ${hidden.toLocaleString('en-US')} more characters: see --json`)}`);
    }
    for (const row of rows) await this.write(row);
  }

  #styleOf(kind: Line['kind']): Style {
    const { bold, dim, blue, green, yellow, red } = this.colours;
    return {
      say: String,
      heading: bold,
      aside: dim,
      call: blue,
      result: green,
      trouble: yellow,
      failure: red,
      ask: (text: string) => bold(yellow(text)),
    }[kind];
  }
}

const indent = ' '.repeat(margin);

function shortened(text: string, width: number): { lines: string[]; hidden: number } {
  const most = mostLines * width;
  const begin = text.slice(0, most).replace(/[\ud800-\udbff]$/, '');
  const lines = wrap(printable(begin), width);
  const shown = lines.slice(0, mostLines);
  const dropped = lines.slice(mostLines).join(' ').length;
  return { lines: shown, hidden: text.length - begin.length + dropped };
}
