/**
 * Many mutants in one program: every function that has mutants becomes a choice between its bodies, made by a number
 * that is given when the program starts. One compilation then serves hundreds of mutants.
 */

/** Appended to the crate's root. */
export const chooser = `
/// The mutant that is at work in this process; 0: none.
#[doc(hidden)]
pub fn active_mutant() -> u32 {
    static ACTIVE: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *ACTIVE.get_or_init(|| std::env::var("ACTIVE_MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(0))
}
`;

/** The mutants that lie in no function whose body can be chosen: they have to be built alone. */
export function loners(text, mutants) {
  const functions = functionsOf(text);
  return mutants.filter((mutant) => !functionAround(functions, mutant)?.choosable);
}

/** Characters that a mutant adds to the program. */
export function sizeOf(text, mutant) {
  const { open, close } = functionAround(functionsOf(text), mutant);
  return close - open;
}

/**
 * The text with all mutants in it, each under its `number`, and on which `lines` of the new text each stands. None of
 * them may be a loner.
 */
export function combine(text, mutants) {
  const functions = functionsOf(text);
  const byFunction = grouped(mutants, (mutant) => functionAround(functions, mutant));
  const places = [];
  let out = '';
  let at = 0;
  const add = (more) => {
    out += more;
  };
  for (const [{ open, close }, list] of [...byFunction].sort(([a], [b]) => a.open - b.open)) {
    add(`${text.slice(at, open)}{ match crate::active_mutant() {\n`);
    for (const mutant of list) {
      const from = linesIn(out) + 1;
      const body = `${text.slice(open, mutant.start)}${mutant.replacement}${text.slice(mutant.end, close)}`;
      add(`${mutant.number} => ${body}\n`);
      places.push({ mutant, from, to: linesIn(out) });
    }
    add(`_ => ${text.slice(open, close)}\n} }`);
    at = close;
  }
  return { text: out + text.slice(at), places };
}

export function grouped(elements, keyOf) {
  const groups = new Map();
  for (const element of elements) {
    const key = keyOf(element);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(element);
  }
  return groups;
}

function functionAround(functions, { start, end }) {
  return functions.find(({ open, close }) => open < start && end < close);
}

function linesIn(text) {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

const known = new Map();

/** Where the bodies of the outermost functions begin and end. */
function functionsOf(text) {
  if (!known.has(text)) known.set(text, findFunctions(text));
  return known.get(text);
}

function findFunctions(text) {
  const functions = [];
  let head; // of a function whose body has not begun
  let depth = 0; // of brackets in the head, of braces in the body
  let body;
  for (const { at, token } of tokens(text)) {
    if (body !== undefined) {
      if (token === '{') depth += 1;
      if (token === '}') depth -= 1;
      if (depth > 0) continue;
      const signature = text.slice(head, body);
      const constant = /\bconst\s+$/.test(text.slice(Math.max(0, head - 20), head));
      const choosable = !constant && !/->.*\bimpl\b/s.test(signature);
      functions.push({ open: body, close: at + 1, choosable });
      head = body = undefined;
    } else if (head !== undefined) {
      if (token === '(' || token === '[') depth += 1;
      else if (token === ')' || token === ']') depth -= 1;
      else if (token === ';' && depth === 0) head = undefined;
      else if (token === '{' && depth === 0) [body, depth] = [at, 1];
    } else if (token === 'fn') {
      [head, depth] = [at, 0];
    }
  }
  return functions;
}

/** Brackets, semicolons and the word that begins a function, outside of comments and literals. */
function* tokens(text) {
  const pattern =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|\b(?:b|c)?r(#*)"[\s\S]*?"\1|"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\\n]|\\(?:u\{[^}]*\}|x..|.))'|\bfn(?=\s+\w)|[{}()[\];]/g;
  for (const { 0: token, index } of text.matchAll(pattern)) {
    if (token === 'fn' || (token.length === 1 && token !== '"')) yield { at: index, token };
  }
}
