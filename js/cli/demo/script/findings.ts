import type { Call } from './conversation.js';

/**
 * What the model makes of the results of one tool: the first line says it in a sentence, the others are the details.
 * Nothing in them depends on when, where or how often something ran.
 */
export function findingOf(tool: string, calls: Call[]): string[] {
  const done = calls.filter((call) => call.name === tool && call.outcome === 'done');
  const failed = calls.filter((call) => call.name === tool && call.outcome === 'failed');
  const say = sayings[tool];
  if (!say || done.length + failed.length === 0) return [];
  const lines = done.length > 0 ? say(done.map(({ value }) => value)) : ['This could not be found out.'];
  return [...lines, ...failed.map(({ text }) => `Not looked at: ${text}`)];
}

type Saying = (results: Record<string, any>[]) => string[];

const sayings: Record<string, Saying> = {
  list_files([listed = {}]) {
    const pages: string[] = listed.pages ?? [];
    const others: string[] = listed.others ?? [];
    const size = `${Number(listed.bytes ?? 0).toLocaleString('en-US')} bytes`;
    const more = listed.left_out > 0 ? [`${count(listed.left_out, 'more file')} left out.`] : [];
    return [
      `The folder has ${count(pages.length + others.length, 'file')}, ${pages.length} of them Markdown, ${size} in all.`,
      ...[...pages, ...others].sort((a, b) => (a < b ? -1 : 1)),
      ...more,
    ];
  },
  count_words(results) {
    const pages = all<{ file: string; words: number }>(results, 'found');
    const sum = pages.reduce((total, { words }) => total + words, 0);
    const [longest] = [...pages].sort((a, b) => b.words - a.words || (a.file < b.file ? -1 : 1));
    const first = `${count(pages.length, 'page')} with ${count(sum, 'word')}`;
    return [
      longest
        ? `${first}; the longest is ${longest.file} with ${longest.words}.`
        : 'There is no page to count.',
      ...pages.map(({ file, words }) => `${file}: ${count(words, 'word')}`),
    ];
  },
  read_headings(results) {
    const headings = all<{ file: string; level: number; text: string }>(results, 'found');
    const titles = headings.filter(({ level }) => level === 1);
    return [
      `${count(headings.length, 'heading')}, ${titles.length} of them titles.`,
      ...titles.map(({ file, text }) => `${file}: ${text}`),
    ];
  },
  check_links(results) {
    const broken = all<{ file: string; line: number; target: string; why: string }>(results, 'broken');
    const checked = results.reduce((total, result) => total + Number(result.checked ?? 0), 0);
    return [
      `${count(checked, 'relative link')}, ${broken.length === 0 ? 'all of them good' : `${broken.length} broken`}.`,
      ...broken.map(({ file, line, target, why }) => `${file}:${line} links to ${target}: ${why}`),
    ];
  },
  find_repeats(results) {
    const found = all<{ file: string; line: number; text: string }>(results, 'found');
    return [
      found.length === 0 ? 'No page repeats a heading.' : `${count(found.length, 'repeated heading')}.`,
      ...found.map(({ file, line, text }) => `${file}:${line} has “${text}” again`),
    ];
  },
  find_todos(results) {
    const found = all<{ file: string; line: number; text: string }>(results, 'found');
    return [
      found.length === 0 ? 'Nothing is marked as unfinished.' : `${count(found.length, 'open end')}.`,
      ...found.map(({ file, line, text }) => `${file}:${line} ${text}`),
    ];
  },
  find_orphans(results) {
    const found = all<string>(results, 'found');
    return [
      found.length === 0
        ? 'Every page can be reached.'
        : `${count(found.length, 'page')} that nothing links to.`,
      ...found,
    ];
  },
};

function all<T>(results: Record<string, any>[], field: string): T[] {
  return results.flatMap((result) => (result[field] ?? []) as T[]);
}

export function count(number: number, thing: string): string {
  return `${number.toLocaleString('en-US')} ${thing}${number === 1 ? '' : 's'}`;
}
