import type { Note } from '../notes.js';

/** The report: a function of folder and notes, so that it is the same whatever interrupted the work. */
export function reportOf(folder: string, notes: Note[]): string {
  const byTopic = new Map(notes.map((note) => [note.topic, note]));
  const sections = [...byTopic.values()];
  const summary = sections.map(({ topic, lines: [first = ''] }) => `- **${topic}:** ${first}`);
  const details = sections.flatMap(({ topic, lines: [, ...rest] }) =>
    rest.length === 0 ? [] : [`## ${topic}`, '', ...rest.map((line) => `- ${line}`), ''],
  );
  return [`# Report on ${folder}`, '', ...summary, '', ...details].join('\n').replace(/\n+$/, '\n');
}
