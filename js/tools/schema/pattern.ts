import { type OneOf, type PatternNode, PatternRefusal, type Place, parsePattern } from './pattern-syntax.js';
import type { Meter, Work } from './work.js';

/** States that a pattern may take, repeats written out but for those of single characters. */
const mostStates = 10_000;

/** Single characters that are repeated more often are counted. */
const mostWrittenOut = 16;

type State =
  | { do: 'take'; of: OneOf; next: number }
  | { do: 'count'; of: OneOf; least: number; most: number; next: number }
  | { do: 'split'; to: number[] }
  | { do: 'at'; place: Place; next: number }
  | { do: 'look'; look: Look; next: number }
  | { do: 'match' };

/** An automaton that reads forwards, or backwards from the end. */
interface Automaton {
  states: State[];
  start: number;
  backwards: boolean;
}

interface Look {
  automaton: Automaton;
  negative: boolean;
}

/**
 * A pattern of a JSON Schema, matched in time linear in the text, and in steps: all ways to match are followed at
 * once (K. Thompson, "Regular Expression Search Algorithm", 1968), where the platform's own matcher tries them one by one.
 * What is looked ahead or behind is worked out for every place beforehand, by an automaton of its own.
 */
export class Pattern {
  readonly #automaton: Automaton;
  /** Those inside another come first. */
  readonly #looks: Look[] = [];
  readonly #unicode: boolean;

  /** @throws PatternRefusal for a pattern that cannot be used */
  constructor(readonly source: string) {
    const { node, unicode } = parsePattern(source);
    this.#unicode = unicode;
    this.#automaton = this.#compile(node, false);
  }

  /** Whether it matches anywhere in the text. */
  *matches(text: string, meter: Meter): Work<boolean> {
    const characters = charactersOf(text, this.#unicode);
    if (meter.count(text.length >> 6)) yield;
    const seen = new Map<Look, Uint8Array>();
    for (const look of this.#looks) {
      seen.set(look, yield* places(look.automaton, characters, seen, meter, false));
    }
    return (yield* places(this.#automaton, characters, seen, meter, true)).includes(1);
  }

  #compile(node: PatternNode, backwards: boolean): Automaton {
    const states: State[] = [{ do: 'match' }];
    const add = (state: State): number => {
      if (states.length >= mostStates) {
        throw new PatternRefusal(`takes more than ${mostStates} states: repeat less`);
      }
      return states.push(state) - 1;
    };
    /** Adds what matches the node and goes on at `next`; says where it begins. */
    const before = (inner: PatternNode, next: number): number => {
      switch (inner.kind) {
        case 'one':
          return add({ do: 'take', of: inner.of, next });
        case 'at':
          return add({ do: 'at', place: inner.place, next });
        case 'look': {
          const look = {
            automaton: this.#compile(inner.body, !inner.behind),
            negative: inner.negative,
          };
          this.#looks.push(look);
          return add({ do: 'look', look, next });
        }
        case 'sequence': {
          const parts = backwards ? inner.parts : inner.parts.toReversed();
          return parts.reduce((rest, part) => before(part, rest), next);
        }
        case 'choice':
          return add({ do: 'split', to: inner.options.map((option) => before(option, next)) });
        case 'repeat':
          return repeat(inner, next);
      }
    };
    const repeat = ({ body, least, most }: PatternNode & { kind: 'repeat' }, next: number): number => {
      const { of } = single(body) ?? {};
      if (of !== undefined && Math.max(least, Number.isFinite(most) ? most : 0) > mostWrittenOut) {
        return add({ do: 'count', of, least, most, next });
      }
      let begin = next;
      if (most === Number.POSITIVE_INFINITY) {
        const loop = { do: 'split' as const, to: [next] };
        begin = add(loop);
        loop.to.push(before(body, begin));
      } else {
        for (let i = least; i < most; i++) begin = add({ do: 'split', to: [next, before(body, begin)] });
      }
      for (let i = 0; i < least; i++) {
        const from = states.length;
        begin = before(body, begin);
        if (states.length === from) break;
      }
      return begin;
    };
    const start = before(node, 0);
    return { states, start, backwards };
  }
}

type Counting = State & { do: 'count' };

/** A character that is repeated: since when, for each way to have come here. All go on, or none. */
class Counter {
  /** Steps, the earliest first. */
  readonly #since: number[] = [];
  #first = 0;

  constructor(readonly state: Counting) {}

  begin(step: number): void {
    // Where there is no upper bound the earliest is enough.
    if (this.state.most === Number.POSITIVE_INFINITY && this.#since.length > 0) return;
    this.#since.push(step);
  }

  /** Whether one of the ways has it often enough, and none too often. */
  hasEnough(step: number): boolean {
    const { least, most } = this.state;
    while (step - (this.#since[this.#first] ?? step) > most) this.#first += 1;
    return step - (this.#since[this.#first] ?? Number.POSITIVE_INFINITY) >= least;
  }
}

/** 1 for every place at which a match ends; `first` is enough where only whether is asked. */
function* places(
  { states, start, backwards }: Automaton,
  characters: Uint32Array,
  looks: Map<Look, Uint8Array>,
  meter: Meter,
  first: boolean,
): Work<Uint8Array> {
  const end = characters.length;
  const found = new Uint8Array(end + 1);
  /** When a state was last reached, so that no place visits it twice. */
  const reached = new Int32Array(states.length).fill(-1);
  const counters = new Map<Counting, Counter>();
  let arrived: number[] = [];
  for (let step = 0; step <= end; step++) {
    const place = backwards ? end - step : step;
    const character = characters[backwards ? place - 1 : place];
    const open = arrived;
    open.push(start);
    arrived = [];
    for (const [state, counter] of counters) {
      if (meter.count(1)) yield;
      if (counter.hasEnough(step)) open.push(state.next);
    }
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (meter.count(1)) yield;
      if (reached[id] === step) continue;
      reached[id] = step;
      const state = states[id] as State;
      switch (state.do) {
        case 'match':
          found[place] = 1;
          if (first) return found;
          break;
        case 'split':
          open.push(...state.to);
          break;
        case 'at':
          if (isAt(state.place, characters, place)) open.push(state.next);
          break;
        case 'look':
          if ((looks.get(state.look)?.[place] === 1) !== state.look.negative) open.push(state.next);
          break;
        case 'take':
          if (character !== undefined && state.of.has(character)) arrived.push(state.next);
          break;
        case 'count': {
          const counter = counters.get(state) ?? new Counter(state);
          counters.set(state, counter);
          counter.begin(step);
          if (state.least === 0) open.push(state.next);
        }
      }
    }
    for (const state of counters.keys()) {
      if (character === undefined || !state.of.has(character)) counters.delete(state);
    }
  }
  return found;
}

/** The node that is all of another. */
function single(node: PatternNode): (PatternNode & { kind: 'one' }) | undefined {
  if (node.kind === 'one') return node;
  const [part, ...others] = node.kind === 'sequence' ? node.parts : [];
  return part === undefined || others.length > 0 ? undefined : single(part);
}

function isAt(place: Place, characters: Uint32Array, index: number): boolean {
  switch (place) {
    case 'start':
      return index === 0;
    case 'end':
      return index === characters.length;
    default: {
      const edge = isWord(characters[index - 1]) !== isWord(characters[index]);
      return edge === (place === 'word edge');
    }
  }
}

/** ECMA-262, WordCharacters without the flags `i` and `u` together. */
function isWord(character: number | undefined): boolean {
  return character !== undefined && character < 128 && /\w/.test(String.fromCharCode(character));
}

/** Code points, or UTF-16 code units. */
function charactersOf(text: string, unicode: boolean): Uint32Array {
  const characters = new Uint32Array(text.length);
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const character = unicode ? (text.codePointAt(i) as number) : unit;
    if (character > 0xffff) i += 1;
    characters[count++] = character;
  }
  return characters.subarray(0, count);
}
