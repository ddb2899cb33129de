import { promises as fs } from 'node:fs';
import { basename, posix } from 'node:path';
import { jsonSchema, tool } from '../../index.js';
import type { AbortSignalLike, Tool, ToolCall, Tools } from '../../types.js';
import { type Folder, isPage } from './folder.js';
import { headingsOf, linksOf, openEndsOf, wordsOf } from './markdown.js';
import type { Note, Notebook } from './notes.js';

/** What the demo's tools work on. */
export interface Workplace {
  folder: Folder;
  notes: Notebook;
  /** The absolute path of the report. */
  report: string;
  /** Makes a call last long enough to be watched, paused and killed. Rejects when it is aborted. */
  pace(signal: AbortSignalLike): Promise<void>;
  /** Told of each call whose outcome was looked up, and whether it had been carried out. */
  onLookUp(call: ToolCall, done: boolean): void;
}

interface Pages {
  files: string[];
}

const pages = jsonSchema<Pages>({
  type: 'object',
  properties: { files: { type: 'array', items: { type: 'string' }, description: 'Paths inside the folder' } },
  required: ['files'],
  additionalProperties: false,
});
const nothing = jsonSchema<Record<string, never>>({ type: 'object', additionalProperties: false });

/** The demo's tools by name. Those that only read run again when their outcome is unknown. */
export function demoTools(at: Workplace): Tools {
  const perPage = (description: string, work: (page: string, file: string) => object[]): Tool =>
    tool({
      description,
      inputSchema: pages,
      onUnknownOutcome: 'rerun',
      async execute({ files }, { signal }) {
        await at.pace(signal);
        const found: object[] = [];
        for (const file of files) found.push(...work(await at.folder.page(file), file));
        return { files: files.length, found };
      },
    });

  return {
    list_files: tool({
      description: 'Lists the files of the folder.',
      inputSchema: nothing,
      onUnknownOutcome: 'rerun',
      async execute(_, { signal }) {
        await at.pace(signal);
        const { files, leftOut } = await at.folder.list();
        return {
          folder: at.folder.name,
          pages: files.filter(({ path }) => isPage(path)).map(({ path }) => path),
          others: files.filter(({ path }) => !isPage(path)).map(({ path }) => path),
          bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
          ...(leftOut > 0 ? { left_out: leftOut } : {}),
        };
      },
    }),
    count_words: perPage('Counts the words of pages, without code.', (page, file) => [
      { file, words: wordsOf(page) },
    ]),
    read_headings: perPage('Reads the headings of pages.', (page, file) =>
      headingsOf(page).map(({ level, text, line }) => ({ file, line, level, text })),
    ),
    find_repeats: perPage('Finds headings that a page has more than once.', (page, file) => {
      const headings = headingsOf(page);
      return headings
        .filter(({ text }, index) => headings.findIndex((other) => other.text === text) < index)
        .map(({ text, line }) => ({ file, line, text }));
    }),
    find_todos: perPage('Finds lines that are marked as unfinished.', (page, file) =>
      openEndsOf(page).map(({ text, line }) => ({ file, line, text })),
    ),
    check_links: tool({
      description: 'Follows the relative links of pages, anchors included.',
      inputSchema: pages,
      onUnknownOutcome: 'rerun',
      async execute({ files }, { signal }) {
        await at.pace(signal);
        let checked = 0;
        const broken: object[] = [];
        for (const file of files) {
          for (const { target, line } of linksOf(await at.folder.page(file)).filter(isLocal)) {
            checked += 1;
            const why = await faultOf(at.folder, file, target);
            if (why !== undefined) broken.push({ file, line, target, why });
          }
        }
        return { files: files.length, checked, broken };
      },
    }),
    find_orphans: tool({
      description: 'Finds pages that no other page links to. A page called index or README is a way in.',
      inputSchema: pages,
      onUnknownOutcome: 'rerun',
      async execute({ files }, { signal }) {
        await at.pace(signal);
        const linked = new Set<string>();
        for (const file of files) {
          for (const { target } of linksOf(await at.folder.page(file)).filter(isLocal)) {
            const path = pathOf(file, target);
            if (path !== file) linked.add(path);
          }
        }
        const wayIn = (file: string) => /^(?:index|readme)\.\w+$/i.test(posix.basename(file));
        return { files: files.length, found: files.filter((file) => !linked.has(file) && !wayIn(file)) };
      },
    }),
    note_finding: tool({
      description: 'Keeps a finding for the report. Noting it twice puts it in twice: see read_notes.',
      inputSchema: jsonSchema<Note>({
        type: 'object',
        properties: { topic: { type: 'string' }, lines: { type: 'array', items: { type: 'string' } } },
        required: ['topic', 'lines'],
        additionalProperties: false,
      }),
      onUnknownOutcome: 'report',
      async execute({ topic, lines }, { signal }) {
        await at.pace(signal);
        await at.notes.append({ topic, lines });
        return { noted: topic, lines: lines.length };
      },
    }),
    read_notes: tool({
      description: 'Reads all findings that were kept.',
      inputSchema: nothing,
      onUnknownOutcome: 'rerun',
      async execute(_, { signal }) {
        await at.pace(signal);
        return { notes: await at.notes.read() };
      },
    }),
    write_report: writeReport(at),
    read_report: tool({
      description: 'Reads the report as it is on the disk.',
      inputSchema: nothing,
      onUnknownOutcome: 'rerun',
      async execute(_, { signal }) {
        await at.pace(signal);
        const content = await contentOf(at.report);
        return content === undefined ? { exists: false } : { exists: true, content };
      },
    }),
  };
}

function writeReport(at: Workplace): Tool {
  const written = (content: string) => ({
    written: basename(at.report),
    bytes: Buffer.byteLength(content),
  });
  return tool({
    description: 'Writes the report, in place of one that is there.',
    inputSchema: jsonSchema<{ content: string }>({
      type: 'object',
      properties: { content: { type: 'string' } },
      required: ['content'],
      additionalProperties: false,
    }),
    needsApproval: true,
    async execute({ content }, { signal }) {
      await at.pace(signal);
      // a reader, or a look-up after a crash, sees all of it or nothing
      const draft = `${at.report}.part`;
      await fs.writeFile(draft, content);
      await fs.rename(draft, at.report);
      return written(content);
    },
    async onUnknownOutcome(call) {
      const { content } = call.input as { content: string };
      const done = (await contentOf(at.report)) === content;
      at.onLookUp(call, done);
      return done ? written(content) : undefined;
    },
  });
}

async function contentOf(file: string): Promise<string | undefined> {
  return fs.readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function isLocal({ target }: { target: string }): boolean {
  return !/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target);
}

/** The path inside the folder that a link leads to; `/` is the folder itself. */
function pathOf(file: string, target: string): string {
  const path = decoded(target.replace(/[#?].*$/s, ''));
  if (path === '') return file;
  return path.startsWith('/') ? posix.normalize(path.slice(1)) : posix.join(posix.dirname(file), path);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function faultOf(folder: Folder, file: string, target: string): Promise<string | undefined> {
  const path = pathOf(file, target);
  if (path === '..' || path.startsWith('../')) return 'leads out of the folder';
  if (!(await folder.has(path))) return 'no such file';
  const anchor = /#(.+)$/s.exec(target)?.[1];
  if (anchor === undefined || !isPage(path)) return undefined;
  const wanted = decoded(anchor).toLowerCase();
  const found = headingsOf(await folder.page(path)).some((heading) => heading.anchor === wanted);
  return found ? undefined : 'no such heading';
}
